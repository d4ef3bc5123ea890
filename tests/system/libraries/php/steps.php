<?php
// Answers the steps of ../README.md: a line of words each on standard input, a line of JSON each on
// standard output.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
set_error_handler(function (int $level, string $message, string $file, int $line) {
    if (error_reporting() & $level) {
        throw new ErrorException($message, 0, $level, $file, $line);
    }
});

function answer(array $steps): void
{
    while (($line = fgets(STDIN)) !== false) {
        $words = explode(' ', rtrim($line, "\n"));
        // Not by echo: PHP starts no session once it has sent something.
        fwrite(STDOUT, json_encode($steps[array_shift($words)](...$words)) . "\n");
    }
}

// What a page does while others ask for the same session: without a lock it would undo their changes.
function work(): void
{
    hash_pbkdf2('sha256', 'page', 'salt', 400);
}

// A session without what the library keeps in it for itself, or null if nobody is logged in.
function data_of(array $session): ?array
{
    return isset($session['user'])
        ? array_intersect_key($session, ['user' => 0, 'cart' => 0])
        : null;
}
