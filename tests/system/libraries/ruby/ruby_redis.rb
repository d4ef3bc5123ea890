# ruby-redis, as one who writes his own sessions uses it: a string each, and a list by last use.
require_relative "steps"
require "redis"
require "securerandom"

# A session is JSON in a string; the sorted set says when each was used last.
class Sessions
  def initialize(host, port)
    @redis = Redis.new(host: host, port: port.to_i)
  end

  def login(user, seconds)
    id = SecureRandom.hex(16)
    @redis.multi do |transaction|
      transaction.set("s:#{id}", JSON.generate("user" => user), ex: seconds.to_i, nx: true)
      transaction.zadd("used", Time.now.to_f, id)
    end
    id
  end

  def read(id)
    text = @redis.get("s:#{id}")
    text && data_of(JSON.parse(text))
  end

  def write(id, key, value)
    session = JSON.parse(@redis.get("s:#{id}"))
    session[key] = value
    @redis.set("s:#{id}", JSON.generate(session), xx: true, keepttl: true)
  end

  def touch(id)
    touched, = @redis.multi do |transaction|
      transaction.expire("s:#{id}", 1000)
      transaction.zadd("used", Time.now.to_f, id)
    end
    touched
  end

  def regenerate(id)
    new = SecureRandom.hex(16)
    @redis.multi do |transaction|
      transaction.rename("s:#{id}", "s:#{new}")
      transaction.zrem("used", id)
      transaction.zadd("used", Time.now.to_f, new)
    end
    new
  end

  def logout(id)
    deleted, listed = @redis.multi do |transaction|
      transaction.del("s:#{id}")
      transaction.zrem("used", id)
    end
    deleted == 1 && listed
  end

  def count
    ids = @redis.zrevrangebyscore("used", "+inf", "-inf", limit: [0, 100])
    @redis.mget(ids.map { |id| "s:#{id}" }).compact.map { |text| JSON.parse(text)["user"] }.sort
  end
end

answer(Sessions.new(*ARGV))
