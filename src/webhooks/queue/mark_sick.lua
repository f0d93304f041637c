-- Puts an endpoint into the lane of the sick. ARGV[5]: endpoint.
return redis.call('SADD', sick, ARGV[5])
