-- The books of rate limits in Redis: one step that no other comes between. The arithmetic is that of
-- guardrails/gcra.py, number for number.
--
-- KEYS     buckets and sets of places
-- ARGV     "take" or "give", the time ("" for the server's), the permit, grace in ms, then by key:
--   take   lease (0 for a bucket), room, every, cost
--   give   since ("" for a place), number of the take, seconds (above 0: a debt; below: given back)
-- Answers  take: {"held", since, number, ...} ("" and "" for a place) or {"short", seconds, ...}
-- Numbers travel as text: Redis cuts those of Lua to integers.

local LOWS, SLACK, GUESS = 8, 1e-3, 1.0

local permit, grace = ARGV[3], tonumber(ARGV[4])
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call("TIME")
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local function exact(number)
  return string.format("%.17g", number)
end

local function risen(lows)
  local kept = {}
  for _, low in ipairs(lows) do
    while #kept > 0 and kept[#kept].backlog >= low.backlog do
      table.remove(kept)
    end
    kept[#kept + 1] = low
  end
  while #kept > LOWS do
    kept[2].backlog = kept[1].backlog
    table.remove(kept, 1)
  end
  return kept
end

local function load(key)
  local line, numbers = redis.call("GET", key), {}
  if line then
    for number in string.gmatch(line, "%S+") do
      numbers[#numbers + 1] = tonumber(number)
    end
  end
  if not line or numbers[1] <= now then
    return { due = now, since = now, takes = 0, lows = {} }
  end
  local lows = {}
  for i = 4, #numbers, 2 do
    lows[#lows + 1] = { at = numbers[i], backlog = numbers[i + 1] }
  end
  return { due = numbers[1], since = numbers[2], takes = numbers[3], lows = lows }
end

local function save(key, bucket)
  local line = { exact(bucket.due), exact(bucket.since), exact(bucket.takes) }
  for _, low in ipairs(bucket.lows) do
    line[#line + 1] = exact(low.at)
    line[#line + 1] = exact(low.backlog)
  end
  local left = math.ceil((bucket.due - now) * 1000) + grace
  redis.call("SET", key, table.concat(line, " "), "PX", exact(math.max(1, left)))
end

local function take(bucket, seconds)
  bucket.takes = bucket.takes + 1
  bucket.lows[#bucket.lows + 1] = { at = bucket.takes, backlog = bucket.due - now }
  bucket.lows = risen(bucket.lows)
  bucket.due = bucket.due + seconds
end

local function give(bucket, at, seconds)
  local back = seconds
  for _, low in ipairs(bucket.lows) do
    if low.at > at then
      back = math.min(back, low.backlog)
      break
    end
  end
  for _, low in ipairs(bucket.lows) do
    if low.at > at then
      low.backlog = low.backlog - back
    end
  end
  bucket.lows = risen(bucket.lows)
  bucket.due = bucket.due - math.min(back, bucket.due - now)
end

if ARGV[1] == "give" then
  for i, key in ipairs(KEYS) do
    local since, at, seconds = ARGV[3 * i + 2], tonumber(ARGV[3 * i + 3]), tonumber(ARGV[3 * i + 4])
    if since == "" then
      redis.call("ZREM", key, permit)
    else
      local bucket = load(key)
      if seconds > 0 then
        take(bucket, seconds)
        save(key, bucket)
      elseif bucket.due > now and bucket.since == tonumber(since) then
        give(bucket, at, -seconds)
        save(key, bucket)
      end
    end
  end
  return { "given" }
end

local short, waits, buckets, costs = false, { "short" }, {}, {}
for i, key in ipairs(KEYS) do
  local lease, room = tonumber(ARGV[4 * i + 1]), tonumber(ARGV[4 * i + 2])
  local every, cost = tonumber(ARGV[4 * i + 3]), tonumber(ARGV[4 * i + 4])
  local wait = 0
  if lease > 0 then
    redis.call("ZREMRANGEBYSCORE", key, "-inf", exact(now))
    if redis.call("ZCARD", key) >= room then
      local first = redis.call("ZRANGE", key, 0, 0, "WITHSCORES")
      wait = math.min(GUESS, tonumber(first[2]) - now)
    end
  else
    buckets[i] = load(key)
    costs[i] = cost * every
    wait = buckets[i].due + costs[i] - now - math.max(room, cost) * every
    if wait <= SLACK * every then
      wait = 0
    end
  end
  short = short or wait > 0
  waits[#waits + 1] = exact(wait)
end
if short then
  return waits
end

local held = { "held" }
for i, key in ipairs(KEYS) do
  if buckets[i] then
    take(buckets[i], costs[i])
    save(key, buckets[i])
    held[#held + 1] = exact(buckets[i].since)
    held[#held + 1] = exact(buckets[i].takes)
  else
    local lease = tonumber(ARGV[4 * i + 1])
    redis.call("ZADD", key, exact(now + lease), permit)
    redis.call("PEXPIRE", key, exact(math.ceil(lease * 1000) + grace))
    held[#held + 1] = ""
    held[#held + 1] = ""
  end
end
return held
