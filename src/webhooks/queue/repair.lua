-- Sets aside what stands under a name of ours and is of another type, so that neither is that
-- lost nor are we held up by it; an older thing set aside under the same name is. The queue
-- counts as lost then and is filled from the record. Looks at 10,000 endpoints of each kind at
-- most.
local types = { 'zset', 'zset', 'zset', 'set', 'zset', 'hash', 'string', 'string', 'string',
  'string', 'set', 'hash' }
local aside = {}
local function look(key, type)
  local found = redis.call('TYPE', key).ok
  if found ~= type and found ~= 'none' then
    redis.call('RENAME', key, key .. ':aside')
    aside[#aside + 1] = key
  end
end
local function look_at_lines(endpoint)
  look(fresh_prefix .. endpoint, 'zset')
  look(backlog_prefix .. endpoint, 'zset')
end
for i, type in ipairs(types) do look(KEYS[i], type) end
for i = 1, 3 do
  for _, endpoint in ipairs(redis.call('ZRANGE', KEYS[i], 0, 9999)) do look_at_lines(endpoint) end
end
for i, endpoint in ipairs(redis.call('HKEYS', in_flight)) do
  if i > 10000 then break end
  look_at_lines(endpoint)
end
redis.call('DEL', generation)
return aside
