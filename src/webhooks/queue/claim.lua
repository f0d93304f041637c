-- Takes what is due. Bounded: at most `most` deliveries, at most 256 endpoints woken.
local now, most, most_sick = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local cap, sick_cap, lease_ms = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local turn, rate = tonumber(ARGV[11]), tonumber(ARGV[12])

-- The token is the time of expiry with a number behind it: below 2^53, so a score holds it
-- exactly.
local micros = clock()
local expires = (math.floor(micros / 1000) + lease_ms) * 4096
-- A backlog is released at `rate` a second, of which one second's worth may come at once.
local step = 1000000 / rate

local out = { redis.call('GET', generation) or '', '' }

for _, endpoint in ipairs(redis.call('ZRANGEBYSCORE', later, '-inf', now, 'LIMIT', 0, 256)) do
  redis.call('ZREM', later, endpoint)
  local lane = redis.call('SISMEMBER', sick, endpoint) == 1 and sick_turns or turns
  redis.call('ZADD', lane, 'NX', redis.call('INCR', sequence), endpoint)
end

local function take(line, room, endpoint, is_sick)
  if room < 1 then return 0 end
  local due = redis.call('ZRANGEBYSCORE', line, '-inf', now, 'LIMIT', 0, room)
  if #due == 0 then return 0 end
  redis.call('ZREM', line, unpack(due))
  redis.call('HINCRBY', in_flight, endpoint, #due)
  count(-#due)
  for _, delivery in ipairs(due) do
    local token = string.format('%.0f', expires + redis.call('INCR', sequence) % 4096)
    redis.call('ZADD', leases, token, endpoint .. ':' .. delivery)
    out[#out + 1] = delivery
    out[#out + 1] = endpoint
    out[#out + 1] = token
    out[#out + 1] = is_sick and '1' or '0'
  end
  return #due
end

-- Takes from both lines of an endpoint: what is fresh first, but one in four of its backlog.
-- Answers how many, and when there is more.
local function take_both(endpoint, room, is_sick)
  local fresh, backlog = fresh_prefix .. endpoint, backlog_prefix .. endpoint
  local backlog_at = first(backlog)
  local free_at = backlog_at and tonumber(redis.call('HGET', paced, endpoint) or '0') or 0
  free_at = math.max(free_at, micros)
  local allowed = math.floor((micros + 1000000 - free_at) / step + 0.001)
  local of_fresh = room
  if backlog_at and backlog_at <= now and allowed > 0 then
    if room > 1 then
      of_fresh = room - 1
    elseif redis.call('INCR', sequence) % 4 == 0 then
      of_fresh = 0
    end
  end
  local got = take(fresh, of_fresh, endpoint, is_sick)
  if backlog_at and backlog_at <= now then
    local taken = take(backlog, math.min(room - got, allowed), endpoint, is_sick)
    got = got + taken
    allowed = allowed - taken
    free_at = free_at + taken * step
    if taken > 0 then
      -- Nobody is released ahead for more than a second: after two nothing of it matters.
      redis.call('HSET', paced, endpoint, string.format('%.0f', free_at))
      redis.call('PEXPIRE', paced, 2000)
    end
    backlog_at = first(backlog)
  end
  if backlog_at and allowed < 1 then
    backlog_at = math.max(backlog_at, now + math.ceil((free_at + step - 1000000 - micros) / 1000))
  end
  local fresh_at = first(fresh)
  return got, fresh_at and backlog_at and math.min(fresh_at, backlog_at) or fresh_at or backlog_at
end

local function serve(lane, other, is_sick, room_in_all, its_cap)
  local got = 0
  while got < room_in_all do
    local endpoint = redis.call('ZPOPMIN', lane)[1]
    if not endpoint then break end
    if (redis.call('SISMEMBER', sick, endpoint) == 1) ~= is_sick then
      redis.call('ZADD', other, 'NX', redis.call('INCR', sequence), endpoint)
    else
      local busy = tonumber(redis.call('HGET', in_flight, endpoint) or '0')
      local room = math.min(its_cap - busy, turn, room_in_all - got)
      -- At the cap it leaves the lane: its next acknowledgment brings it back.
      if room > 0 then
        local taken, more_at = take_both(endpoint, room, is_sick)
        got = got + taken
        if busy + taken < its_cap and more_at then
          if more_at <= now then
            redis.call('ZADD', lane, redis.call('INCR', sequence), endpoint)
          else
            redis.call('ZADD', later, 'LT', string.format('%.0f', more_at), endpoint)
          end
        end
      end
    end
  end
  return got
end

-- The sick lane is never starved (a quarter first) and never takes more than its share.
local share = math.min(most_sick, math.max(math.floor(most / 4), 1), most)
local from_sick = serve(sick_turns, turns, true, share, sick_cap)
local got = from_sick + serve(turns, sick_turns, false, most - from_sick, cap)
serve(sick_turns, turns, true, math.min(most - got, most_sick - from_sick), sick_cap)
keep_count()

local next = redis.call('ZRANGE', later, 0, 0, 'WITHSCORES')
out[2] = next[2] or ''
return out
