-- relog: a log begins anew with the entries that it has, so that its last id is that of the newest. XSETID doesn't take
-- back an id that an entry had which was deleted (Redis 7.2). Some entries a call, into a copy that takes its place.
--
-- KEYS  1 log, 2 rebuild
-- ARGV  1 '1' to begin, 2 entries a call, 3 seconds until an unfinished copy goes
-- Reply 1 if there is more to copy
if ARGV[1] == '1' then redis.call('UNLINK', KEYS[2]) end
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
local entries = redis.call('XRANGE', KEYS[1], newest and '(' .. newest[1] or '-', '+', 'COUNT', ARGV[2])
for _, entry in ipairs(entries) do
  redis.call('XADD', KEYS[2], entry[1], unpack(entry[2]))
end
if #entries == tonumber(ARGV[2]) then
  redis.call('EXPIRE', KEYS[2], ARGV[3])
  return 1
end
if not newest and #entries == 0 then
  redis.call('UNLINK', KEYS[1])
  return 0
end
redis.call('RENAME', KEYS[2], KEYS[1])
redis.call('PERSIST', KEYS[1])
return 0
