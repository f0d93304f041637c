-- Returns deliveries whose leases are over, at most 100. ARGV[5]: now.
local now = ARGV[5]
local over = string.format('%.0f', math.floor(clock() / 1000) * 4096)
local members = redis.call('ZRANGEBYSCORE', leases, '-inf', over, 'LIMIT', 0, 100)
for _, member in ipairs(members) do
  local endpoint, delivery = string.match(member, '^(%d+):(%d+)$')
  release(endpoint, delivery)
  if place(endpoint, delivery, now, false) < 0 then
    redis.call('SADD', spilled, endpoint)
  end
end
keep_count()
return #members
