"""python3-redis: what Django, Flask and the like do with it."""

import sys

import redis

host, port, password = sys.argv[1:]
client = redis.Redis(host, int(port), password=password, client_name="app")
assert client.client_getname() == "app"
assert client.set("session:1", b"\x80\x05}\x94.", ex=1000, nx=True)
assert client.set("session:1", b"other", ex=1000, nx=True) is None
assert client.get("session:1") == b"\x80\x05}\x94."
assert 990 <= client.ttl("session:1") <= 1000
assert client.expire("session:1", 2000)
assert client.hset("cart:1", mapping={"apples": 3, "pears": 1}) == 2
assert client.hgetall("cart:1") == {b"apples": b"3", b"pears": b"1"}
assert client.hincrby("cart:1", "apples", 2) == 5
with client.pipeline(transaction=False) as pipeline:
    for number in range(1000):
        pipeline.set(f"bulk:{number}", number)
    assert all(pipeline.execute())
assert len(set(client.scan_iter("bulk:*", count=100))) == 1000
assert client.mget("bulk:7", "nobody") == [b"7", None]
assert client.delete("session:1", "nobody") == 1
try:
    client.hget("bulk:1", "field")
    raise AssertionError("a string is no hash")
except redis.ResponseError as error:
    assert str(error).startswith("WRONGTYPE"), error


def count_up(pipeline):
    value = int(pipeline.get("counter") or 0)
    pipeline.multi()
    pipeline.set("counter", value + 1).expire("counter", 1000).get("counter")


assert client.transaction(count_up, "counter") == [True, True, b"1"]
with client.pipeline() as pipeline:
    pipeline.watch("counter")
    client.incr("counter")
    pipeline.multi()
    pipeline.set("counter", "lost")
    try:
        pipeline.execute()
        raise AssertionError("somebody else had changed it")
    except redis.WatchError:
        pass
assert client.getdel("counter") == b"2"
assert client.info()["redis_version"] == "7.2.4"
assert client.dbsize() == 1001
print("all is well")
