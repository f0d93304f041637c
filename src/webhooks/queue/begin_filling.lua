#!lua
-- Takes the lock of whoever fills. ARGV: how long it lasts, in milliseconds.
return redis.call('SET', KEYS[1], 1, 'NX', 'PX', ARGV[1]) and 1 or 0
