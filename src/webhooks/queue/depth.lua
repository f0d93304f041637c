-- Counts: endpoints that wait, leases, deliveries that wait, endpoints with more in the record.
local endpoints = 0
for i = 1, 3 do endpoints = endpoints + redis.call('ZCARD', KEYS[i]) end
return { endpoints, redis.call('ZCARD', leases), count(0), redis.call('SCARD', spilled) }
