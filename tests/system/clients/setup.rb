# What the scripts on ruby-redis share.
begin
  require "redis"
rescue LoadError
  puts "ruby-redis is not installed"
  exit 77
end

HOST, PORT, PASSWORD = ARGV

def connect(**options) = Redis.new(host: HOST, port: PORT.to_i, password: PASSWORD, **options)

def expect(what, expected, got)
  abort "#{what}: #{got.inspect}, not #{expected.inspect}" unless expected == got
end
