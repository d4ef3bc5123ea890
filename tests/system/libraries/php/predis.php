<?php
// Predis's session handler.
require __DIR__ . '/native_sessions.php';
require 'Predis/autoload.php';

[, $host, $port] = $argv;
$client = new Predis\Client(['host' => $host, 'port' => (int) $port], ['prefix' => 'sessions:']);
answer_with_native_sessions(function (int $seconds) use ($client): void {
    (new Predis\Session\Handler($client, ['gc_maxlifetime' => $seconds]))->register();
});
