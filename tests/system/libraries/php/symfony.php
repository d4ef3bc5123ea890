<?php
// Symfony's RedisSessionHandler, on phpredis.
require __DIR__ . '/native_sessions.php';
require 'Symfony/Component/HttpFoundation/autoload.php';

use Symfony\Component\HttpFoundation\Session\Storage\Handler\RedisSessionHandler;

[, $host, $port] = $argv;
$redis = new Redis();
$redis->connect($host, (int) $port);
$handler = new RedisSessionHandler($redis);
answer_with_native_sessions(function (int $seconds) use ($handler): void {
    session_set_save_handler($handler, false);
});
