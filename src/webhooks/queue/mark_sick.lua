#!lua flags=allow-oom
-- Puts an endpoint into the lane of the sick. ARGV: endpoint.
return redis.call('SADD', KEYS[1], ARGV[1])
