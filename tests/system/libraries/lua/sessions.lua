-- Sessions of a site in nginx, kept with lua-resty-redis: a string of JSON each. Connections go back
-- to a pool after each request.
local cjson = require 'cjson.safe'
local redis = require 'nginx.redis' -- lua-resty-redis, as Debian calls it

local Sessions = {}

local chance = assert(io.open('/dev/urandom', 'rb'))
local function new_id()
  return (chance:read(16):gsub('.', function(byte) return ('%02x'):format(byte:byte()) end))
end

local function with_redis(act)
  local client = redis:new()
  client:set_timeouts(10000, 10000, 10000)
  assert(client:connect(ngx.var.redis_host, tonumber(ngx.var.redis_port)))
  local seen = act(client)
  assert(client:set_keepalive(60000, 10))
  return seen
end

local function load(client, id)
  local text = assert(client:get('s:' .. id))
  return text ~= ngx.null and cjson.decode(text) or nil
end

function Sessions.login(query)
  local id = new_id()
  with_redis(function(client)
    local text = cjson.encode({ user = query.user })
    assert(client:set('s:' .. id, text, 'EX', query.seconds, 'NX') == 'OK')
  end)
  return id
end

function Sessions.read(query)
  return with_redis(function(client) return load(client, query.id) or ngx.null end)
end

function Sessions.write(query)
  return with_redis(function(client)
    local session = load(client, query.id)
    session[query.key] = query.value
    return client:set('s:' .. query.id, cjson.encode(session), 'XX', 'KEEPTTL') == 'OK'
  end)
end

function Sessions.touch(query)
  return with_redis(function(client) return client:expire('s:' .. query.id, 1000) == 1 end)
end

-- As lua-resty-session does: the new one, and the old one for a little while; here at once.
function Sessions.regenerate(query)
  local id = new_id()
  with_redis(function(client)
    local text = assert(client:get('s:' .. query.id))
    client:init_pipeline()
    client:set('s:' .. id, text, 'EX', 1000)
    client:expire('s:' .. query.id, 0)
    local replies = assert(client:commit_pipeline())
    assert(replies[1] == 'OK' and replies[2] == 1)
  end)
  return id
end

function Sessions.logout(query)
  return with_redis(function(client) return client:unlink('s:' .. query.id) == 1 end)
end

return Sessions
