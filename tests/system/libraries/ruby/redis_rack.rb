# redis-rack, on redis-store and ruby-redis.
require_relative "rack_site"
require "rack/session/redis"

host, port = ARGV
server = "redis://#{host}:#{port}/0/rack:session"
answer(Browser.new(Rack::Session::Redis.new(SITE, redis_server: server, expire_after: 1000)))
