-- Puts deliveries in. ARGV[5]…: endpoint, delivery, due, fresh ('1' or '0') each. Answers how
-- many were looked at before there was no room left in all, then the endpoints for which too
-- many wait.
local looked_at, refused = 0, {}
for i = 5, #ARGV, 4 do
  local endpoint, delivery = ARGV[i], ARGV[i + 1]
  if not redis.call('ZSCORE', leases, endpoint .. ':' .. delivery) then
    local placed = place(endpoint, delivery, ARGV[i + 2], ARGV[i + 3] == '1')
    if placed < 0 then break end
    if placed == 0 then refused[#refused + 1] = tonumber(endpoint) end
  end
  looked_at = looked_at + 1
end
keep_count()
table.insert(refused, 1, looked_at)
return refused
