-- What every script begins with: all keys, in one order, and what several of them do.
local later, turns, sick_turns, sick = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local leases, in_flight, sequence, generation = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local filling, waiting, spilled, paced = KEYS[9], KEYS[10], KEYS[11], KEYS[12]
-- What waits for an endpoint: what is fresh, and its backlog.
local fresh_prefix, backlog_prefix = ARGV[1], ARGV[2]
-- Deliveries that may wait in all, and for one endpoint.
local capacity, capacity_each = tonumber(ARGV[3]), tonumber(ARGV[4])

local total, total_before

-- How many wait. Kept here while the script runs; `keep_count` writes it back.
local function count(change)
  if not total then
    total = tonumber(redis.call('GET', waiting) or '0')
    total_before = total
  end
  total = total + change
  return total
end

local function keep_count()
  if total and total ~= total_before then
    redis.call('INCRBY', waiting, total - total_before)
  end
end

-- Puts a delivery in its line, or lowers its time where it stands. Answers 1; or 0 if too many
-- wait for its endpoint, which is noted; or -1 if too many wait in all. What is fresh may use
-- the last quarter of the room, so that a backlog leaves some.
local function place(endpoint, delivery, due, is_fresh)
  -- The endpoint first: should its line be of another type, repair.lua finds it by that.
  redis.call('ZADD', later, 'LT', due, endpoint)
  local line, other = backlog_prefix .. endpoint, fresh_prefix .. endpoint
  if is_fresh then line, other = other, line end
  if redis.call('ZSCORE', other, delivery) then
    line = other
  elseif not redis.call('ZSCORE', line, delivery) then
    local share = function(all) return is_fresh and all or all - math.floor(all / 4) end
    if count(0) >= share(capacity) then return -1 end
    if redis.call('ZCARD', line) + redis.call('ZCARD', other) >= share(capacity_each) then
      redis.call('SADD', spilled, endpoint)
      return 0
    end
    count(1)
  end
  redis.call('ZADD', line, 'LT', due, delivery)
  return 1
end

-- Takes a delivery out of whichever line it stands in.
local function unplace(endpoint, delivery)
  local taken = redis.call('ZREM', fresh_prefix .. endpoint, delivery)
    + redis.call('ZREM', backlog_prefix .. endpoint, delivery)
  count(-taken)
end

-- When the first of a line is due.
local function first(line)
  local found = redis.call('ZRANGE', line, 0, 0, 'WITHSCORES')[2]
  return found and tonumber(found)
end

-- Notes when an endpoint has work again.
local function expect(endpoint)
  local fresh, backlog = first(fresh_prefix .. endpoint), first(backlog_prefix .. endpoint)
  local due = fresh and backlog and math.min(fresh, backlog) or fresh or backlog
  if due then
    redis.call('ZADD', later, 'LT', string.format('%.0f', due), endpoint)
  end
end

-- Ends a lease.
local function release(endpoint, delivery)
  redis.call('ZREM', leases, endpoint .. ':' .. delivery)
  if redis.call('HINCRBY', in_flight, endpoint, -1) <= 0 then
    redis.call('HDEL', in_flight, endpoint)
  end
end

-- Microseconds on this server's clock, so that the nodes' clocks do not matter.
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end
