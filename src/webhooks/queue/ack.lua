-- Gives leases back. ARGV[5]…: endpoint, delivery, token, again ('' = not), well ('1', '0', '' =
-- as it was) each. Answers 1 or 0 for each: whether it was still held.
local out = {}
for i = 5, #ARGV, 5 do
  local endpoint, delivery, token = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local again, well = ARGV[i + 3], ARGV[i + 4]
  local score = redis.call('ZSCORE', leases, endpoint .. ':' .. delivery)
  local ours = score and tonumber(score) == tonumber(token)
  if ours then release(endpoint, delivery) end
  if again ~= '' and (ours or not score) and place(endpoint, delivery, again, false) < 0 then
    redis.call('SADD', spilled, endpoint)
  end
  if well == '1' then
    redis.call('SREM', sick, endpoint)
  elseif well == '0' then
    redis.call('SADD', sick, endpoint)
  end
  expect(endpoint)
  out[#out + 1] = ours and 1 or 0
end
keep_count()
return out
