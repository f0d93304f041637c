#!lua flags=no-writes
-- Counts: endpoints that wait (later, turns, sick turns), leases.
local waiting = 0
for i = 1, 3 do waiting = waiting + redis.call('ZCARD', KEYS[i]) end
return { waiting, redis.call('ZCARD', KEYS[4]) }
