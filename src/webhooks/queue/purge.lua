#!lua flags=allow-oom
-- Forgets everything that waits for an endpoint. ARGV: prefix, endpoint.
local turns, sick_turns, later, sick = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
redis.call('UNLINK', ARGV[1] .. ARGV[2])
redis.call('ZREM', turns, ARGV[2])
redis.call('ZREM', sick_turns, ARGV[2])
redis.call('ZREM', later, ARGV[2])
redis.call('SREM', sick, ARGV[2])
return 0
