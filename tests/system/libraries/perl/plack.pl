# Plack::Middleware::Session with its store "Cache", which is CHI on its Redis driver.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CHI;
use HTTP::Request::Common qw(GET);
use Plack::Builder;
use Plack::Request;
use Plack::Session::Store::Cache;
use Plack::Test;
use Steps;

my ($host, $port) = @ARGV;

my %pages = (
    login => sub {
        my ($session, undef, $query) = @_;
        $session->{user} = $query->{user};
        return JSON::PP::true;
    },
    read  => sub { return data_of($_[0]) },
    write => sub {
        my ($session, undef, $query) = @_;
        $session->{ $query->{key} } = $query->{value};
        return JSON::PP::true;
    },
    touch      => sub { return JSON::PP::true },
    regenerate => sub { $_[1]{change_id} = 1; return JSON::PP::true },
    logout     => sub { $_[1]{expire} = 1; return JSON::PP::true },
);

# How long sessions live is said to the cache, so there is a site for each lifetime.
sub site {
    my ($seconds) = @_;
    my $cache = CHI->new(
        driver             => 'Redis',
        server             => "$host:$port",
        namespace          => 'sessions',
        expires_in         => "$seconds sec",
        expires_on_backend => 1,
    );
    my $page = sub {
        my ($env)     = @_;
        my $request   = Plack::Request->new($env);
        my $seen      = $pages{ substr $request->path_info, 1 }
            ->($env->{'psgix.session'}, $env->{'psgix.session.options'}, $request->query_parameters);
        return [200, ['Content-Type' => 'application/json'], [JSON::PP->new->allow_nonref->encode($seen)]];
    };
    return Plack::Test->create(builder {
        enable 'Session', store => Plack::Session::Store::Cache->new(cache => $cache);
        $page;
    });
}

my $site = site(1000);

sub get {
    my ($site, $page, $cookie) = @_;
    my $answer = $site->request(GET "http://localhost/$page", $cookie ? (Cookie => $cookie) : ());
    die $answer->as_string unless $answer->is_success;
    return $answer;
}
sub body   { return JSON::PP->new->allow_nonref->decode($_[0]->content) }
sub cookie { return (split /;/, $_[0]->header('Set-Cookie'))[0] }

answer(
    login      => sub { return cookie(get(site($_[1]), "login?user=$_[0]")) },
    read       => sub { return body(get($site, 'read',                    $_[0])) },
    write      => sub { return body(get($site, "write?key=$_[1]&value=$_[2]", $_[0])) },
    touch      => sub { return body(get($site, 'touch',                   $_[0])) },
    regenerate => sub { return cookie(get($site, 'regenerate', $_[0])) },
    logout     => sub { return body(get($site, 'logout', $_[0])) },
);
