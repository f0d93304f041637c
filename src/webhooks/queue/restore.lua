#!lua flags=allow-oom
-- Puts leases back that a flush has wiped out while their holders still work.
-- ARGV: prefix, then endpoint, delivery, token each.
local leases, in_flight = KEYS[1], KEYS[2]
local prefix = ARGV[1]
for i = 2, #ARGV, 3 do
  local endpoint, delivery, token = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if redis.call('ZADD', leases, 'NX', token, endpoint .. ':' .. delivery) == 1 then
    redis.call('HINCRBY', in_flight, endpoint, 1)
    redis.call('ZREM', prefix .. endpoint, delivery)
  end
end
return 0
