-- Notes endpoints of which the record has more than waits here. ARGV[5]…: endpoints.
for i = 5, #ARGV do redis.call('SADD', spilled, ARGV[i]) end
return 0
