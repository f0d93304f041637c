-- A new generation begins. ARGV[5]: its name. What waits is counted anew: keys may have been
-- lost or set aside.
local endpoints, sum = {}, 0
for i = 1, 3 do
  for _, endpoint in ipairs(redis.call('ZRANGE', KEYS[i], 0, -1)) do endpoints[endpoint] = true end
end
for _, endpoint in ipairs(redis.call('HKEYS', in_flight)) do endpoints[endpoint] = true end
for endpoint in pairs(endpoints) do
  sum = sum + redis.call('ZCARD', fresh_prefix .. endpoint)
    + redis.call('ZCARD', backlog_prefix .. endpoint)
end
redis.call('SET', waiting, sum)
redis.call('SET', generation, ARGV[5])
redis.call('DEL', filling)
return 0
