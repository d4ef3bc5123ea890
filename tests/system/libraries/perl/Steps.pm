# Answers the steps of ../README.md: a line of words each on standard input, a line of JSON each on
# standard output.
package Steps;
use strict;
use warnings;
use Exporter 'import';
use JSON::PP;

our @EXPORT = qw(answer data_of);

sub answer {
    my %steps = @_;
    my $json = JSON::PP->new->canonical->allow_nonref;
    local $| = 1;
    while (my $line = <STDIN>) {
        my ($step, @words) = split ' ', $line;
        print $json->encode(scalar $steps{$step}->(@words)), "\n";
    }
}

# A session without what the library keeps in it for itself, or undef if nobody is logged in.
sub data_of {
    my ($session) = @_;
    return undef unless $session && $session->{user};
    return { map { $_ => $session->{$_} } grep { exists $session->{$_} } qw(user cart) };
}

1;
