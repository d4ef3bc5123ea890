<?php
// PHP's own sessions, kept by phpredis: three requests of two visitors.
[, $host, $port, $password] = $argv;

function expect(bool $condition, string $what): void
{
    if (!$condition) {
        fwrite(STDERR, "not so: $what\n");
        exit(1);
    }
}

function begin(string $id): void
{
    session_id($id);
    $_SESSION = [];
    expect(session_start(), 'the session starts');
}

ini_set('session.save_handler', 'redis');
ini_set('session.save_path', "tcp://$host:$port?auth=$password");
ini_set('session.gc_maxlifetime', '1440');
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
ob_start();

foreach (['alice', 'bob'] as $user) {
    begin("of-$user");
    expect($_SESSION === [], 'a new session is empty');
    $_SESSION['user'] = $user;
    $_SESSION['binary'] = "\0\r\n\xff";
    session_write_close();
}

begin('of-alice');
expect($_SESSION['user'] === 'alice', 'alice is known');
expect($_SESSION['binary'] === "\0\r\n\xff", 'what is binary stays whole');
expect(session_regenerate_id(true), 'a new id at log-in');
$new = session_id();
session_write_close();

begin('of-alice');
expect($_SESSION === [], 'the old id is worth nothing');
session_destroy();

begin($new);
expect($_SESSION['user'] === 'alice', 'the new id is alice');
session_destroy();
begin($new);
expect($_SESSION === [], 'logged out');
session_destroy();

begin('of-bob');
expect($_SESSION['user'] === 'bob', 'bob is still there');
session_write_close();

$redis = new Redis();
$redis->connect($host, (int) $port);
$redis->auth($password);
$other = new Redis();
$other->connect($host, (int) $port);
$other->auth($password);
$replies = $redis->multi()->set('counter', '1')->incr('counter')->get('counter')->exec();
expect($replies === [true, 2, '2'], 'a transaction is done');
$redis->watch('counter');
$other->set('counter', '7');
expect($redis->multi()->set('counter', 'lost')->exec() === false, 'somebody else had changed it');
expect($redis->get('counter') === '7', 'and nothing was done');
$redis->del('counter');
ob_end_clean();
echo "all is well\n";
