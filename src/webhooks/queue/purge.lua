-- Forgets everything that waits for an endpoint. ARGV[5]: endpoint.
local endpoint = ARGV[5]
for _, line in ipairs({ fresh_prefix .. endpoint, backlog_prefix .. endpoint }) do
  count(-redis.call('ZCARD', line))
  redis.call('UNLINK', line)
end
keep_count()
redis.call('ZREM', turns, endpoint)
redis.call('ZREM', sick_turns, endpoint)
redis.call('ZREM', later, endpoint)
redis.call('SREM', sick, endpoint)
redis.call('SREM', spilled, endpoint)
redis.call('HDEL', paced, endpoint)
return 0
