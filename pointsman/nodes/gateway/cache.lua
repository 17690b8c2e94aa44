-- The response cache in Redis: one step that no other comes between.
--
-- KEYS  1 rows by age, 2 rows by end, 3 bytes of each row and, under "", of all; then the rows
-- ARGV  "put", bytes allowed, then by row: name, value, milliseconds to live ("" for ever)
--       "drop", "", then by row: name
-- Answers how many rows were put or dropped.

local ages, ends, sizes = KEYS[1], KEYS[2], KEYS[3]
local FIRST = 4
local CULLED = 100
local OVERHEAD = 300

local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function forget(name)
  local size = tonumber(redis.call("HGET", sizes, name) or "0")
  redis.call("ZREM", ages, name)
  redis.call("ZREM", ends, name)
  redis.call("HDEL", sizes, name)
  if size > 0 then
    redis.call("HINCRBY", sizes, "", -size)
  end
end

local function drop(key, name)
  forget(name)
  return redis.call("DEL", key)
end

if ARGV[1] == "drop" then
  local dropped = 0
  for n = FIRST, #KEYS do
    dropped = dropped + drop(KEYS[n], ARGV[n - FIRST + 3])
  end
  return dropped
end

-- A server that evicts keys may have taken one of the books: they begin anew, and the rows that
-- they knew end by themselves.
if redis.call("ZCARD", ages) ~= math.max(0, redis.call("HLEN", sizes) - 1) then
  redis.call("DEL", ages, ends, sizes)
end

local bound = tonumber(ARGV[2])
for n = FIRST, #KEYS do
  local at = 3 + (n - FIRST) * 3
  local name, value, lives = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  drop(KEYS[n], name)
  if lives == "" then
    redis.call("SET", KEYS[n], value)
  else
    redis.call("SET", KEYS[n], value, "PX", lives)
    redis.call("ZADD", ends, now + tonumber(lives), name)
  end
  local size = #value + OVERHEAD
  redis.call("ZADD", ages, now, name)
  redis.call("HSET", sizes, name, size)
  redis.call("HINCRBY", sizes, "", size)
end

-- Redis took the rows that ended; their places in the books go here.
for _, name in ipairs(redis.call("ZRANGEBYSCORE", ends, "-inf", now, "LIMIT", 0, CULLED)) do
  forget(name)
end

-- The row keys are beside the first one: the same text in braces, so the same node of a cluster.
local stem = string.sub(KEYS[FIRST], 1, #KEYS[FIRST] - #ARGV[3])
while tonumber(redis.call("HGET", sizes, "") or "0") > bound do
  local oldest = redis.call("ZRANGE", ages, 0, 0)[1]
  if not oldest then
    break
  end
  drop(stem .. oldest, oldest)
end
return #KEYS - FIRST + 1
