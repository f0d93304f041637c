#!lua flags=allow-oom
-- Returns deliveries whose leases are over, at most 100. ARGV: prefix, now.
local later, leases, in_flight = KEYS[1], KEYS[2], KEYS[3]
local prefix, now = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local over = (tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)) * 4096
local members = redis.call('ZRANGEBYSCORE', leases, '-inf', string.format('%.0f', over), 'LIMIT', 0, 100)
for _, member in ipairs(members) do
  local endpoint, delivery = string.match(member, '^(%d+):(%d+)$')
  redis.call('ZREM', leases, member)
  if redis.call('HINCRBY', in_flight, endpoint, -1) <= 0 then
    redis.call('HDEL', in_flight, endpoint)
  end
  redis.call('ZADD', prefix .. endpoint, 'LT', now, delivery)
  redis.call('ZADD', later, 'LT', now, endpoint)
end
return #members
