-- lua-redis, as one who writes his own sessions uses it: a hash each.
-- Answers the steps of ../README.md: a line of words each on standard input, a line of JSON each on
-- standard output.
local redis = require 'redis'

local host, port = arg[1], tonumber(arg[2])
local client = redis.connect(host, port)

local chance = assert(io.open('/dev/urandom', 'rb'))
local function new_id()
  return (chance:read(16):gsub('.', function(byte) return ('%02x'):format(byte:byte()) end))
end

local function quoted(text) return '"' .. text .. '"' end
local function yes_or_no(fact) return (fact == true or fact == 1) and 'true' or 'false' end

local steps = {}

function steps.login(user, seconds)
  local id = new_id()
  client:transaction(function(transaction)
    transaction:hset('s:' .. id, 'user', user)
    transaction:expire('s:' .. id, tonumber(seconds))
  end)
  return quoted(id)
end

function steps.read(id)
  local session = client:hgetall('s:' .. id)
  if not session.user then return 'null' end
  local cart = session.cart and (', "cart": ' .. quoted(session.cart)) or ''
  return '{"user": ' .. quoted(session.user) .. cart .. '}'
end

function steps.write(id, key, value) return yes_or_no(client:hset('s:' .. id, key, value)) end
function steps.touch(id) return yes_or_no(client:expire('s:' .. id, 1000)) end
function steps.logout(id) return yes_or_no(client:del('s:' .. id)) end

function steps.regenerate(id)
  local new = new_id()
  client:rename('s:' .. id, 's:' .. new)
  return quoted(new)
end

io.stdout:setvbuf('line')
for line in io.lines() do
  local words = {}
  for word in line:gmatch('%S+') do words[#words + 1] = word end
  print(steps[table.remove(words, 1)](unpack(words)))
end
