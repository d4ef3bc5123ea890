# Perl's Redis.pm, as one who writes his own sessions uses it: a hash each.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Redis;
use Steps;

my ($host, $port) = @ARGV;
my $redis = Redis->new(server => "$host:$port", encoding => undef);

sub new_id { return join '', map { sprintf '%08x', rand 2**32 } 1 .. 4 }

answer(
    login => sub {
        my ($user, $seconds) = @_;
        my $id = new_id();
        $redis->multi;
        $redis->hmset("s:$id", user => $user);
        $redis->expire("s:$id", $seconds);
        $redis->exec;
        return $id;
    },
    read  => sub { return data_of({ $redis->hgetall("s:$_[0]") }) },
    write => sub {
        my ($id, $key, $value) = @_;
        return $redis->hset("s:$id", $key => $value) ? JSON::PP::true : JSON::PP::false;
    },
    touch      => sub { return $redis->expire("s:$_[0]", 1000) ? JSON::PP::true : JSON::PP::false },
    regenerate => sub {
        my $new = new_id();
        $redis->rename("s:$_[0]", "s:$new");
        return $new;
    },
    logout => sub { return $redis->del("s:$_[0]") ? JSON::PP::true : JSON::PP::false },
    count  => sub {
        my ($cursor, @keys, $found) = (0);
        do {
            ($cursor, $found) = $redis->scan($cursor, MATCH => 's:*', COUNT => 100);
            push @keys, @$found;
        } while $cursor;
        return [sort map { scalar $redis->hget($_, 'user') } @keys];
    },
);
