<?php
// phpredis's session handler.
require __DIR__ . '/native_sessions.php';

[, $host, $port] = $argv;
ini_set('session.save_handler', 'redis');
ini_set('session.save_path', "tcp://$host:$port");
answer_with_native_sessions(function (int $seconds): void {
});
