-- Takes the lock of whoever fills. ARGV[5]: how long it lasts, in milliseconds.
return redis.call('SET', filling, 1, 'NX', 'PX', ARGV[5]) and 1 or 0
