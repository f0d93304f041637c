#!lua
-- A new generation begins. ARGV: its name.
redis.call('SET', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
return 0
