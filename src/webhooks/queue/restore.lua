-- Puts leases back that a flush has wiped out while their holders still work. ARGV[5]…:
-- endpoint, delivery, token each.
for i = 5, #ARGV, 3 do
  local endpoint, delivery, token = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if redis.call('ZADD', leases, 'NX', token, endpoint .. ':' .. delivery) == 1 then
    redis.call('HINCRBY', in_flight, endpoint, 1)
    unplace(endpoint, delivery)
  end
end
keep_count()
return 0
