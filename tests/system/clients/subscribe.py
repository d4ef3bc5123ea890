"""python3-redis: told of two messages, by its channel and by a pattern."""

import sys

import redis

host, port, password = sys.argv[1:]
client = redis.Redis(host, int(port), password=password)
subscriber = client.pubsub()
subscriber.subscribe("news")
subscriber.psubscribe("ne*")
wanted = [
    ("subscribe", b"news", 1), ("psubscribe", b"ne*", 2),
    ("message", b"news", b"hello"), ("pmessage", b"news", b"hello"),
]
for kind, channel, data in wanted:
    message = subscriber.get_message(timeout=30)
    assert (message["type"], message["channel"], message["data"]) == (kind, channel, data), message
subscriber.ping()
assert subscriber.get_message(timeout=30)["type"] == "pong"
assert client.pubsub_numsub("news") == [(b"news", 1)]
assert client.publish("news", b"\x00\r\n\xff") == 2
assert [subscriber.get_message(timeout=30)["data"] for _ in range(2)] == [b"\x00\r\n\xff"] * 2
subscriber.unsubscribe()
subscriber.punsubscribe()
assert subscriber.get_message(timeout=30)["type"] == "unsubscribe"
assert subscriber.get_message(timeout=30)["type"] == "punsubscribe"
assert client.publish("news", "nobody") == 0
print("all is well")
