-- Changes nothing. By its header it is refused where writes are not taken or memory is short,
-- and the keys it looks at must be what they should be.
redis.call('ZCARD', later)
redis.call('ZCARD', leases)
redis.call('GET', generation)
return 1
