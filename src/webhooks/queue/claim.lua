#!lua flags=allow-oom
-- Takes what is due. Bounded: at most `most` deliveries, at most 256 endpoints woken.
local turns, sick_turns, later, sick = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local leases, in_flight, sequence, generation = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local now, most, most_sick = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local cap, sick_cap, lease_ms = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local turn, prefix = tonumber(ARGV[7]), ARGV[8]

-- Leases run on this server's clock, so that the nodes' clocks do not matter. The token is the
-- time of expiry with a number behind it: below 2^53, so a score holds it exactly.
local time = redis.call('TIME')
local expires = (tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + lease_ms) * 4096

local out = { redis.call('GET', generation) or '', '' }

for _, endpoint in ipairs(redis.call('ZRANGEBYSCORE', later, '-inf', now, 'LIMIT', 0, 256)) do
  redis.call('ZREM', later, endpoint)
  local lane = redis.call('SISMEMBER', sick, endpoint) == 1 and sick_turns or turns
  redis.call('ZADD', lane, 'NX', redis.call('INCR', sequence), endpoint)
end

local function serve(lane, other, is_sick, room_in_all, its_cap)
  local got = 0
  while got < room_in_all do
    local endpoint = redis.call('ZPOPMIN', lane)[1]
    if not endpoint then break end
    if (redis.call('SISMEMBER', sick, endpoint) == 1) ~= is_sick then
      redis.call('ZADD', other, 'NX', redis.call('INCR', sequence), endpoint)
    else
      local queue = prefix .. endpoint
      local busy = tonumber(redis.call('HGET', in_flight, endpoint) or '0')
      local room = math.min(its_cap - busy, turn, room_in_all - got)
      if room > 0 then
        local due = redis.call('ZRANGEBYSCORE', queue, '-inf', now, 'LIMIT', 0, room)
        if #due > 0 then
          redis.call('ZREM', queue, unpack(due))
          redis.call('HINCRBY', in_flight, endpoint, #due)
          busy = busy + #due
          got = got + #due
          for _, delivery in ipairs(due) do
            local token = expires + redis.call('INCR', sequence) % 4096
            redis.call('ZADD', leases, string.format('%.0f', token), endpoint .. ':' .. delivery)
            out[#out + 1] = delivery
            out[#out + 1] = endpoint
            out[#out + 1] = string.format('%.0f', token)
            out[#out + 1] = is_sick and '1' or '0'
          end
        end
      end
      -- At the cap it leaves the lane: its next acknowledgment brings it back.
      if busy < its_cap then
        local first = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')
        if first[2] and tonumber(first[2]) <= now then
          redis.call('ZADD', lane, redis.call('INCR', sequence), endpoint)
        elseif first[2] then
          redis.call('ZADD', later, 'LT', first[2], endpoint)
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

local next = redis.call('ZRANGE', later, 0, 0, 'WITHSCORES')
out[2] = next[2] or ''
return out
