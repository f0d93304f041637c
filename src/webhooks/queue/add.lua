#!lua
-- Puts deliveries in. ARGV: prefix of the endpoints' queues, then endpoint, delivery, due each.
local later, leases = KEYS[1], KEYS[2]
local prefix = ARGV[1]
for i = 2, #ARGV, 3 do
  local endpoint, delivery, due = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if not redis.call('ZSCORE', leases, endpoint .. ':' .. delivery) then
    -- The endpoint first: should its queue be of another type, repair.lua finds it by that.
    redis.call('ZADD', later, 'LT', due, endpoint)
    redis.call('ZADD', prefix .. endpoint, 'LT', due, delivery)
  end
end
return 0
