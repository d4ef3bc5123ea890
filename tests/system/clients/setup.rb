# What the scripts on ruby-redis share.
require "redis"

HOST, PORT, PASSWORD = ARGV

def connect(**options) = Redis.new(host: HOST, port: PORT.to_i, password: PASSWORD, **options)

def expect(what, expected, got)
  abort "#{what}: #{got.inspect}, not #{expected.inspect}" unless expected == got
end
