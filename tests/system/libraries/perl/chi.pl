# CHI on its Redis driver, which Plack, Catalyst and Mojolicious keep sessions in.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CHI;
use Steps;

my ($host, $port) = @ARGV;
my $cache = CHI->new(
    driver             => 'Redis',
    server             => "$host:$port",
    namespace          => 'sessions',
    expires_on_backend => 1,
);

sub new_id { return join '', map { sprintf '%08x', rand 2**32 } 1 .. 4 }

answer(
    login => sub {
        my ($user, $seconds) = @_;
        my $id = new_id();
        $cache->set($id, { user => $user }, "$seconds sec");
        return $id;
    },
    read  => sub { return data_of($cache->get($_[0])) },
    write => sub {
        my ($id, $key, $value) = @_;
        $cache->set($id, { %{ $cache->get($id) }, $key => $value }, '1000 sec');
        return JSON::PP::true;
    },
    touch => sub {
        $cache->set($_[0], $cache->get($_[0]), '1000 sec');
        return JSON::PP::true;
    },
    regenerate => sub {
        my $new = new_id();
        $cache->set($new, $cache->get($_[0]), '1000 sec');
        $cache->remove($_[0]);
        return $new;
    },
    logout => sub {
        $cache->remove($_[0]);
        return JSON::PP::true;
    },
);
