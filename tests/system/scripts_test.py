"""Scripts that do not end: everybody is told, an operator can end them, and nothing half is left."""


from support import program
from support.resp import ReplyError
from support.waiting import wait_until

BUSY = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."


class LongScripts(program.SystemTest):
    def begin(self, server, script):
        """Sends the script on a connection of its own and returns when the others are told."""
        connection = server.connect()
        connection.send("EVAL", script, 1, "held")
        wait_until(lambda: self.is_busy(server), "the script is noticed")
        return connection

    def is_busy(self, server):
        try:
            server.call("PING")
        except ReplyError as error:
            self.assertEqual(str(error), BUSY)
            return True
        return False

    def refused(self, server, *words):
        with self.assertRaises(ReplyError) as raised:
            server.call(*words)
        return str(raised.exception)

    def test_are_killed_whatever_the_number_of_workers(self):
        for workers in (1, 3):
            server = self.start_server(io_threads=workers, busy_reply_threshold=50)
            script = self.begin(server, "while true do redis.call('GET', KEYS[1]) end")
            for _ in range(2 * workers):  # whichever worker the connection comes to
                self.assertEqual(self.refused(server, "GET", "held"), BUSY)
                self.assertEqual(self.refused(server, "EVAL", "return 1", 0), BUSY)
            self.assertEqual(server.call("SCRIPT", "KILL"), "OK")
            with self.assertRaisesRegex(ReplyError, "Script killed by user with SCRIPT KILL\\.\\.\\. "):
                raise script.read()
            self.assertEqual(server.call("PING"), "PONG")
            self.assertIn("NOTBUSY", self.refused(server, "SCRIPT", "KILL"))

    def test_in_transactions_are_killed_by_way_of_their_own_worker(self):
        server = self.start_server(io_threads=1, busy_reply_threshold=50)
        connection = server.connect()
        for words in (("MULTI",), ("SET", "a", "1"),
                      ("EVAL", "while true do redis.call('GET', KEYS[1]) end", 1, "held"),
                      ("SET", "c", "1")):
            connection.send(*words)
            connection.read()
        connection.send("EXEC")
        wait_until(lambda: self.is_busy(server), "the script is noticed")
        self.assertEqual(server.call("SCRIPT", "KILL"), "OK")
        replies = connection.read()
        self.assertEqual([replies[0], replies[2]], ["OK", "OK"])
        self.assertIn("Script killed by user with SCRIPT KILL", str(replies[1]))
        self.assertEqual(server.call("MGET", "a", "c"), [b"1", b"1"])

    def test_let_go_who_was_waiting_already(self):
        server = self.start_server(io_threads=3, busy_reply_threshold=500)
        waiting = [server.connect() for _ in range(9)]
        script = server.connect()
        script.send("EVAL", "redis.log(redis.LOG_WARNING, 'it has begun') "
                            "while true do redis.call('GET', KEYS[1]) end", 1, "held")
        wait_until(lambda: "it has begun" in server.process.log(), "the script begins")
        for number, connection in enumerate(waiting):
            connection.send(*[("GET", "held"), ("FLUSHALL",), ("EVAL", "return 1", 0)][number % 3])
        wait_until(lambda: self.is_busy(server), "the script is noticed")
        self.assertEqual({str(connection.read()) for connection in waiting}, {BUSY})
        self.assertEqual(server.call("SCRIPT", "KILL"), "OK")
        self.assertIsInstance(script.read(), ReplyError)

    def test_that_have_written_end_with_the_server_and_leave_nothing(self):
        server = self.start_server(io_threads=1, busy_reply_threshold=50)
        server.call("SET", "before", "1")
        self.begin(server, "redis.call('SET', KEYS[1], 1) redis.call('DEL', 'before') "
                           "while true do end")
        self.assertIn("UNKILLABLE", self.refused(server, "SCRIPT", "KILL"))
        self.assertEqual(self.refused(server, "SHUTDOWN"), BUSY)
        self.shut_down(server)
        self.assertEqual(server.process.wait(60), 0)
        server.start()
        self.assertIsNone(server.call("GET", "held"))
        self.assertEqual(server.call("GET", "before"), b"1")

    def shut_down(self, server):
        try:
            server.call("SHUTDOWN", "NOSAVE")
        except OSError:
            pass


if __name__ == "__main__":
    program.main()
