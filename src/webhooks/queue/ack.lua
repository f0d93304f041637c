#!lua flags=allow-oom
-- Gives leases back. ARGV: prefix, then endpoint, delivery, token, again ('' = not), well
-- ('1', '0', '' = as it was) each. Answers 1 or 0 for each: whether it was still held.
local later, sick, leases, in_flight = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix = ARGV[1]
local out = {}
for i = 2, #ARGV, 5 do
  local endpoint, delivery, token = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local again, well = ARGV[i + 3], ARGV[i + 4]
  local member, queue = endpoint .. ':' .. delivery, prefix .. endpoint
  local score = redis.call('ZSCORE', leases, member)
  local ours = score and tonumber(score) == tonumber(token)
  if ours then
    redis.call('ZREM', leases, member)
    if redis.call('HINCRBY', in_flight, endpoint, -1) <= 0 then
      redis.call('HDEL', in_flight, endpoint)
    end
  end
  if again ~= '' and (ours or not score) then
    redis.call('ZADD', queue, 'LT', again, delivery)
  end
  if well == '1' then
    redis.call('SREM', sick, endpoint)
  elseif well == '0' then
    redis.call('SADD', sick, endpoint)
  end
  local first = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')
  if first[2] then
    redis.call('ZADD', later, 'LT', first[2], endpoint)
  end
  out[#out + 1] = ours and 1 or 0
end
return out
