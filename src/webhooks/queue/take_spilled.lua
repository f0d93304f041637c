-- Takes endpoints of which the record has more than waits here, and for which half the room is
-- free again. ARGV[5]: how many at most. Answers whether there is room in all, and how many are
-- left, then the endpoints.
local out = { 0, 0 }
if count(0) < capacity - math.floor(capacity / 4) then
  out[1] = 1
  for _, endpoint in ipairs(redis.call('SRANDMEMBER', spilled, ARGV[5])) do
    local waits = redis.call('ZCARD', fresh_prefix .. endpoint)
      + redis.call('ZCARD', backlog_prefix .. endpoint)
    if waits * 2 <= capacity_each then
      redis.call('SREM', spilled, endpoint)
      out[#out + 1] = tonumber(endpoint)
    end
  end
end
out[2] = redis.call('SCARD', spilled)
return out
