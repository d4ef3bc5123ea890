<?php
// Laravel's session driver "redis", on phpredis.
require __DIR__ . '/steps.php';
foreach (['Cache', 'Config', 'Container', 'Redis', 'Session'] as $component) {
    require "Illuminate/$component/autoload.php";
}

use Illuminate\Cache\CacheManager;
use Illuminate\Config\Repository;
use Illuminate\Container\Container;
use Illuminate\Redis\RedisManager;
use Illuminate\Session\SessionManager;
use Illuminate\Session\Store;

[, $host, $port] = $argv;
$app = new Container();
$app['config'] = new Repository([
    'cache' => ['prefix' => 'laravel_cache', 'stores' => ['redis' => ['driver' => 'redis', 'connection' => 'default']]],
    'session' => ['driver' => 'redis', 'store' => 'redis', 'cookie' => 'laravel_session', 'encrypt' => false],
]);
$connections = ['default' => ['host' => $host, 'port' => (int) $port, 'database' => 0]];
$app->singleton('redis', fn () => new RedisManager($app, 'phpredis', $connections));
$app->singleton('cache', fn () => new CacheManager($app));

function start(Container $app, ?string $id, int $seconds = 1000): Store
{
    $app['config']->set('session.lifetime', $seconds / 60);
    $session = (new SessionManager($app))->driver();
    $session->setId($id);
    $session->start();
    return $session;
}

function save(Store $session): string
{
    $session->save();
    return $session->getId();
}

answer([
    'login' => function (string $user, string $seconds) use ($app) {
        $session = start($app, null, (int) $seconds);
        $session->put('user', $user);
        return save($session);
    },
    'read' => fn (string $id) => data_of(start($app, $id)->all()),
    'write' => function (string $id, string $key, string $value) use ($app) {
        $session = start($app, $id);
        $session->put($key, $value);
        return save($session) === $id;
    },
    'touch' => fn (string $id) => save(start($app, $id)) === $id,
    'regenerate' => function (string $id) use ($app) {
        $session = start($app, $id);
        $session->regenerate(true);
        return save($session);
    },
    // As Laravel's middleware does it for routes with block().
    'count_up' => function (string $id, string $times) use ($app) {
        for ($done = 0; $done < (int) $times; ++$done) {
            $lock = $app['cache']->store('redis')->lock("session:$id", 30)->betweenBlockedAttemptsSleepFor(5);
            $counted = $lock->block(30, function () use ($app, $id) {
                $session = start($app, $id);
                $counted = $session->get('counted', 0) + 1;
                work();
                $session->put('counted', $counted);
                $session->save();
                return $counted;
            });
        }
        return $counted;
    },
    // Of the cache, whether the key was free.
    'add' => fn (string $key, string $value) => $app['cache']->store('redis')->add($key, $value, 60),
    'logout' => fn (string $id) => start($app, $id)->invalidate(),
]);
