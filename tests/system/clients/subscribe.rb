# ruby-redis: told of messages by its channel and by a pattern.
require_relative "setup"

heard = []
subscriber = connect(timeout: 30)
subscriber.subscribe("news") do |on|
  on.subscribe { |channel, count| heard << [channel, count] }
  on.message do |channel, message|
    heard << [channel, message.b]
    if message == "hello"
      connect(timeout: 30).publish("news", "\x00\r\n\xFF".b)
    else
      subscriber.unsubscribe
    end
  end
  on.unsubscribe { |channel, count| heard << [channel, count] }
end
expect "heard", [["news", 1], ["news", "hello"], ["news", "\x00\r\n\xFF".b], ["news", 0]], heard
subscriber.psubscribe("ne*") do |on|
  on.psubscribe { |_, _| connect(timeout: 30).publish("news", "fits") }
  on.pmessage do |pattern, channel, message|
    expect "pmessage", ["ne*", "news", "fits"], [pattern, channel, message]
    subscriber.punsubscribe
  end
end
puts "all is well"
