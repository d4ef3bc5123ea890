# Sessions of Rails, by its own middleware: STORE HOST PORT. One store is redis-actionpack's, two are caches.
require_relative "rack_site"
require "action_dispatch"
require "active_support/cache"

store, host, port = ARGV
URL = "redis://#{host}:#{port}/0".freeze

STORES = {
  "redis_actionpack" => lambda {
    require "redis-actionpack"
    [ActionDispatch::Session::RedisStore, { redis_server: "#{URL}/rails:session" }]
  },
  "redis_activesupport" => lambda {
    require "redis-activesupport"
    [ActionDispatch::Session::CacheStore, { cache: ActiveSupport::Cache::RedisStore.new("#{URL}/cache") }]
  },
  "redis_cache_store" => lambda {
    cache = ActiveSupport::Cache::RedisCacheStore.new(url: URL, namespace: "cache")
    [ActionDispatch::Session::CacheStore, { cache: cache }]
  },
}.freeze

middleware, options = STORES.fetch(store).call
sessions = middleware.new(SITE, key: "_session_id", expire_after: 1000, **options)
answer(Browser.new(ActionDispatch::Cookies.new(sessions)))
