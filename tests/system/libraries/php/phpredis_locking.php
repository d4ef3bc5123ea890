<?php
// phpredis's session handler with locking: one request at a time for each session.
ini_set('redis.session.locking_enabled', '1');
ini_set('redis.session.lock_expire', '30');
ini_set('redis.session.lock_wait_time', '2000');
ini_set('redis.session.lock_retries', '-1');
require __DIR__ . '/phpredis.php';
