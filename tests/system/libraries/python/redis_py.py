"""python3-redis, as one who writes his own sessions uses it: hashes, and each user's set of them."""

import secrets
import sys
import time

import redis

from steps import answer, data_of

host, port = sys.argv[1:]
client = redis.Redis(host, int(port), decode_responses=True)


class Sessions:
    def login(self, user, seconds):
        session_id = secrets.token_hex(16)
        with client.pipeline(transaction=True) as transaction:
            transaction.hset(f"s:{session_id}", mapping={"user": user})
            transaction.expire(f"s:{session_id}", int(seconds))
            transaction.sadd(f"sessions of:{user}", session_id)
            transaction.execute()
        return session_id

    def read(self, session_id):
        return data_of(client.hgetall(f"s:{session_id}"))

    def write(self, session_id, key, value):
        return client.hset(f"s:{session_id}", key, value) == 1

    def touch(self, session_id):
        return client.expire(f"s:{session_id}", 1000)

    def regenerate(self, session_id):
        new = secrets.token_hex(16)

        def rename(pipeline):
            user = pipeline.hget(f"s:{session_id}", "user")
            pipeline.multi()
            pipeline.rename(f"s:{session_id}", f"s:{new}")
            pipeline.smove(f"sessions of:{user}", f"sessions of:{user}:old", session_id)
            pipeline.delete(f"sessions of:{user}:old")
            pipeline.sadd(f"sessions of:{user}", new)

        client.transaction(rename, f"s:{session_id}")
        return new

    def count_up(self, session_id, times):
        for _ in range(int(times)):
            with client.lock(f"lock:{session_id}", timeout=30, sleep=0.002):
                counted = int(client.hget(f"s:{session_id}", "counted") or 0) + 1
                time.sleep(0.001)  # A page's work: without the lock it would undo others' changes.
                client.hset(f"s:{session_id}", "counted", counted)
        return counted

    def logout(self, session_id):
        return client.delete(f"s:{session_id}") == 1

    def count(self):
        users = (client.hget(key, "user") for key in client.scan_iter("s:*", count=100))
        return sorted(users)


answer(Sessions())
