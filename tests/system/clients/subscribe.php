<?php
// phpredis: told of messages by its channel and by a pattern.
[, $host, $port, $password] = $argv;

function connect(): Redis
{
    global $host, $port, $password;
    $redis = new Redis();
    $redis->connect($host, (int) $port, 30);
    $redis->auth($password);
    $redis->setOption(Redis::OPT_READ_TIMEOUT, 30);
    return $redis;
}

function expect(bool $condition, string $what): void
{
    if (!$condition) {
        fwrite(STDERR, "not so: $what\n");
        exit(1);
    }
}

// subscribe() returns when its connection ends, with an exception.
function hear(callable $listen): void
{
    $redis = connect();
    try {
        $listen($redis);
    } catch (RedisException $end) {
        expect($end->getMessage() === 'Connection closed', $end->getMessage());
    }
}

$heard = [];
$note = function ($redis, $channel, $message) use (&$heard) {
    $heard[] = [$channel, $message];
    if ($message === 'hello') {
        expect(connect()->publish('news', "\0\r\n\xff") === 1, 'one subscriber');
    } else {
        $redis->close();
    }
};
hear(fn ($redis) => $redis->subscribe(['news'], $note));
expect($heard === [['news', 'hello'], ['news', "\0\r\n\xff"]], 'both messages came');
hear(fn ($redis) => $redis->psubscribe(['ne*'], function ($redis, $pattern, $channel, $message) {
    expect([$pattern, $channel, $message] === ['ne*', 'news', 'hello'], 'the pattern fits');
    $redis->close();
}));
echo "all is well\n";
