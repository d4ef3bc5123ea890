# ruby-redis: what redis-rack and Rails do with it.
require_relative "setup"

redis = connect(id: "app")
data = Marshal.dump("user" => "alice", "binary" => "\x00\r\n\xFF".b)
expect "SETEX", "OK", redis.setex("rack:session:1", 1000, data)
expect "GET", data, redis.get("rack:session:1").b
expect "EXISTS", true, redis.exists?("rack:session:1")
expect "SET NX", false, redis.set("rack:session:1", "other", nx: true)
expect "MAPPED", { "a" => "1", "b" => "2" }, (redis.mapped_hmset("h", "a" => 1, "b" => 2) && redis.hgetall("h"))
expect "PIPELINE", ["OK", 1, "x"], redis.pipelined { |p| p.set("s", "x"); p.exists("s"); p.get("s") }
expect "MULTI", ["OK", 1, "y"], redis.multi { |m| m.set("s", "y"); m.exists("s"); m.get("s") }
changed = redis.watch("s") do
  connect.set("s", "z")
  redis.multi { |m| m.set("s", "lost") }
end
expect "WATCH", [nil, "z"], [changed, redis.get("s")]
expect "SCAN", ["h", "rack:session:1", "s"], redis.scan_each.to_a.sort
expect "DEL", 1, redis.del("rack:session:1")
expect "GET", nil, redis.get("rack:session:1")
puts "all is well"
