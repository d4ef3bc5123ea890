<?php
// PHP's own sessions, whatever keeps them.
require __DIR__ . '/steps.php';

const SESSION_SECONDS = '1000';

// Starts the session of an id, or a new one. $keep(seconds) says who keeps sessions, and how long.
function start(callable $keep, string $id, array $options = [], string $seconds = SESSION_SECONDS): void
{
    ini_set('session.gc_maxlifetime', $seconds);
    $keep((int) $seconds);
    session_id($id);
    $_SESSION = [];
    if (!session_start($options + ['use_cookies' => 0, 'cache_limiter' => '', 'use_strict_mode' => 1])) {
        throw new RuntimeException('the session does not start');
    }
}

function answer_with_native_sessions(callable $keep, array $more_steps = []): void
{
    answer($more_steps + [
        'login' => function (string $user, string $seconds) use ($keep) {
            start($keep, '', seconds: $seconds);
            $_SESSION['user'] = $user;
            $id = session_id();
            session_write_close();
            return $id;
        },
        'read' => function (string $id) use ($keep) {
            start($keep, $id, ['read_and_close' => true]);
            return data_of($_SESSION);
        },
        'write' => function (string $id, string $key, string $value) use ($keep) {
            start($keep, $id);
            $_SESSION[$key] = $value;
            return session_write_close();
        },
        'touch' => function (string $id) use ($keep) {
            start($keep, $id);
            return session_write_close();
        },
        'regenerate' => function (string $id) use ($keep) {
            start($keep, $id);
            session_regenerate_id(true);
            $new = session_id();
            session_write_close();
            return $new;
        },
        'count_up' => function (string $id, string $times) use ($keep) {
            for ($done = 0; $done < (int) $times; ++$done) {
                start($keep, $id);
                $counted = ($_SESSION['counted'] ?? 0) + 1;
                work();
                $_SESSION['counted'] = $counted;
                session_write_close();
            }
            return $counted;
        },
        'logout' => function (string $id) use ($keep) {
            start($keep, $id);
            return session_destroy();
        },
    ]);
}
