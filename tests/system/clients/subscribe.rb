# ruby-redis: told of messages by its channel and by a pattern.
begin
  require "redis"
rescue LoadError
  puts "ruby-redis is not installed"
  exit 77
end

def expect(what, expected, got)
  abort "#{what}: #{got.inspect}, not #{expected.inspect}" unless expected == got
end

host, port, password = ARGV
connect = -> { Redis.new(host: host, port: port.to_i, password: password, timeout: 30) }
heard = []
subscriber = connect.call
subscriber.subscribe("news") do |on|
  on.subscribe { |channel, count| heard << [channel, count] }
  on.message do |channel, message|
    heard << [channel, message.b]
    if message == "hello"
      connect.call.publish("news", "\x00\r\n\xFF".b)
    else
      subscriber.unsubscribe
    end
  end
  on.unsubscribe { |channel, count| heard << [channel, count] }
end
expect "heard", [["news", 1], ["news", "hello"], ["news", "\x00\r\n\xFF".b], ["news", 0]], heard
subscriber.psubscribe("ne*") do |on|
  on.psubscribe { |_, _| connect.call.publish("news", "fits") }
  on.pmessage do |pattern, channel, message|
    expect "pmessage", ["ne*", "news", "fits"], [pattern, channel, message]
    subscriber.punsubscribe
  end
end
puts "all is well"
