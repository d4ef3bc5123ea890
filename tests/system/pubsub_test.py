"""Publish and subscribe: what subscribers are sent, and what slow ones cost."""

import threading

from support import program
from support.resp import Push, Simple, encode
from support.waiting import wait_until

WORKERS = {"io-threads": "4"}


def read_all(connection, count):
    return [connection.read() for _ in range(count)]


class Pubsub(program.SystemTest):
    def test_messages_are_those_of_redis(self):
        seen = [self.scenario(side) for side in (self.start_server(), self.start_redis())]
        self.assertEqual(*seen)

    def scenario(self, server):
        """All kinds of subscribers, and what each is sent."""
        publisher, old, new = server.connect(), server.connect(), server.connect()
        new.call("HELLO", "3")
        told = []
        for subscriber in (old, new):
            subscriber.send("SUBSCRIBE", "news", "other", "news")
            told += read_all(subscriber, 3)
            subscriber.send("PSUBSCRIBE", "n*", "?ews", "x")
            told += read_all(subscriber, 3)
            told.append(subscriber.call("SSUBSCRIBE", "news"))
        for payload in (b"hello", b"", b"\x00\r\n\xff" * 3, b"x" * 100_000):
            told.append(publisher.call("PUBLISH", "news", payload))
            told.append(publisher.call("SPUBLISH", "news", payload))
            for subscriber in (old, new):
                # Which of two patterns comes first, Redis does not say.
                told.append([subscriber.read(), sorted(map(repr, read_all(subscriber, 2)))])
                told.append(subscriber.read())
        told.append(publisher.call("PUBLISH", "other", "x"))
        told.append(publisher.call("PUBLISH", "nobody", "x"))
        told.append(publisher.call("PUBSUB", "NUMSUB", "news", "other", "x"))
        told.append(publisher.call("PUBSUB", "NUMPAT"))
        told += [old.read(), new.read()]
        told.append(publisher.call("PUBLISH", "nope\r\n", "x"))
        told += [old.read(), new.read()]
        old.close()
        wait_until(lambda: publisher.call("PUBSUB", "NUMSUB", "news")[1] == 1, "the end is noticed")
        told.append(sorted(publisher.call("PUBSUB", "CHANNELS")))
        told.append(publisher.call("CLIENT", "KILL", "TYPE", "pubsub"))
        told.append(new.read_to_end())
        wait_until(lambda: publisher.call("PUBSUB", "CHANNELS") == [], "all are gone")
        told.append(publisher.call("PUBSUB", "NUMPAT"))
        return told

    def test_ones_own_messages_follow_the_reply(self):
        """As in Redis 7.2; in 7.0 they come before it."""
        server = self.start_server()
        connection = server.connect()
        connection.call("HELLO", "3")
        connection.call("SUBSCRIBE", "news")
        connection.send_raw(encode("PUBLISH", "news", "1") + encode("PUBLISH", "news", "2")
                            + encode("GET", "x"))
        self.assertEqual(
            read_all(connection, 5),
            [1, Push([b"message", b"news", b"1"]), 1, Push([b"message", b"news", b"2"]), None],
        )

    def test_client_list_and_info_tell_of_subscribers(self):
        server = self.start_server(timeout="1", **WORKERS)
        subscriber = server.connect()
        subscriber.call("SUBSCRIBE", "a")
        subscriber.call("PSUBSCRIBE", "b*")
        subscriber.call("PSUBSCRIBE", "c*")
        subscriber.call("SSUBSCRIBE", "d")
        listed = server.call("CLIENT", "LIST", "TYPE", "pubsub").decode()
        self.assertRegex(listed, r" flags=P .* sub=1 psub=2 ssub=1 .* cmd=ssubscribe ")
        self.assertEqual(listed.count("\n"), 1)
        self.assertNotIn("sub=1", server.call("CLIENT", "LIST", "TYPE", "normal").decode())
        info = server.info("stats")
        told = [info[name] for name in ("pubsub_channels", "pubsub_patterns", "pubsubshard_channels")]
        self.assertEqual(told, ["1", "2", "1"])
        # `timeout` is for those from whom a request is due.
        idle = server.connect()
        idle.call("PING")
        self.assertEqual(idle.read_to_end(), b"")
        server.call("PUBLISH", "a", "still there?")
        self.assertEqual(subscriber.read(), [b"message", b"a", b"still there?"])

    def test_each_publishers_messages_keep_their_order_on_all_workers(self):
        server = self.start_server(appendonly="no", **WORKERS)
        subscribers = [server.connect() for _ in range(12)]
        for number, subscriber in enumerate(subscribers):
            if number % 2:
                subscriber.call("PSUBSCRIBE", "new?")
            else:
                subscriber.call("SUBSCRIBE", "news")
        messages, publishers = 2000, 4

        def publish(name):
            with server.connect() as connection:
                for first in range(0, messages, 100):
                    connection.send_raw(b"".join(
                        encode("PUBLISH", "news", f"{name} {n}") for n in range(first, first + 100)
                    ))
                    self.assertEqual(read_all(connection, 100), [len(subscribers)] * 100)

        threads = [threading.Thread(target=publish, args=(n,)) for n in range(publishers)]
        for thread in threads:
            thread.start()
        got = [[subscriber.read()[-1] for _ in range(messages * publishers)]
               for subscriber in subscribers]
        for thread in threads:
            thread.join()
        for mine in got:
            self.assertEqual(mine, got[0], "all see one order")
            for name in range(publishers):
                of_one = [int(text.split()[1]) for text in mine if text.startswith(b"%d " % name)]
                self.assertEqual(of_one, list(range(messages)))

    def test_no_message_comes_after_the_last_word(self):
        """Under fire from another worker: what follows the end of a subscription is no message."""
        server = self.start_server(appendonly="no", **WORKERS)
        ended = threading.Event()

        def fire():
            with server.connect() as connection:
                while not ended.is_set():
                    connection.send_raw(b"PUBLISH news hello\r\n" * 50)
                    read_all(connection, 50)

        publishers = [threading.Thread(target=fire) for _ in range(2)]
        for publisher in publishers:
            publisher.start()
        self.addCleanup(ended.set)
        subscriber = server.connect()
        messages = 0
        for _ in range(300):
            self.assertEqual(subscriber.call("SUBSCRIBE", "news"), [b"subscribe", b"news", 1])
            subscriber.send("UNSUBSCRIBE", "news")
            while (reply := subscriber.read())[0] == b"message":
                messages += 1
            self.assertEqual(reply, [b"unsubscribe", b"news", 0])
            self.assertEqual(subscriber.call("PING"), Simple("PONG"))
        ended.set()
        for publisher in publishers:
            publisher.join()
        self.assertGreater(messages, 0)

    def test_who_does_not_read_is_cut_off_and_costs_nobody_anything(self):
        server = self.start_server(appendonly="no", **WORKERS)
        server.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 4mb 1mb 60")
        slow = [server.connect() for _ in range(8)]
        for connection in slow:
            connection.call("SUBSCRIBE", "news")
        reader = server.connect()
        reader.call("SUBSCRIBE", "news")
        before = server.resident_bytes()
        publisher = server.connect()
        payload = b"x" * 10_000
        receivers = []
        # Beyond what the sockets hold by far.
        for _ in range(4000):
            receivers.append(publisher.call("PUBLISH", "news", payload))
            self.assertEqual(reader.read(), [b"message", b"news", payload])
        self.assertEqual((receivers[0], receivers[-1]), (9, 1), "the slow ones are gone")
        self.assertEqual(server.info("stats")["client_output_buffer_limit_disconnections"], "8")
        self.assertIn("over the hard limit: connection closed", server.process.log())
        wait_until(lambda: server.resident_bytes() < before + (24 << 20), "memory is given back")
        self.assertEqual(server.call("PUBSUB", "NUMSUB", "news"), [b"news", 1])

    def test_who_is_slow_for_long_is_cut_off_too(self):
        server = self.start_server(appendonly="no")
        server.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 1mb 1")
        slow = server.connect()
        slow.call("SUBSCRIBE", "news")
        while server.call("PUBLISH", "news", "x" * 100_000) == 1:
            if int(server.info("clients")["client_recent_max_output_buffer"]) > 3 << 20:
                break
        wait_until(lambda: server.call("PUBSUB", "NUMSUB", "news")[1] == 0, "its time is up")
        self.assertIn("over the soft limit: connection closed", server.process.log())

    def test_subscriptions_count_in_the_memory_of_connections(self):
        server = self.start_server(**{"connection-buffers-budget": "8mb"})
        hoarder = server.connect()
        names = (b"n%d" % n for n in range(1_000_000))
        with self.assertRaises(OSError):
            while True:
                hoarder.send("SUBSCRIBE", *(next(names) for _ in range(1000)))
                read_all(hoarder, 1000)
        wait_until(
            lambda: server.info("stats")["pubsub_channels"] == "0", "what it held is given back"
        )


if __name__ == "__main__":
    program.main()
