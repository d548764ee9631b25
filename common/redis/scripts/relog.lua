-- relog: a step of beginning a log anew with the entries that it has, so that its last id is that of the newest. XSETID
-- doesn't take back an id that an entry had which was deleted (Redis 7.2).
-- uses copying
--
-- KEYS  1 log, 2 rebuild, 3 lock
-- ARGV  1 uuid of this work, 2 go on behind this entry id, 3 how many to read
-- Reply {0, entry id copied last, 0, 1 if done}, {1} a purge or restore is at work, or this one was so slow that its
--       lock lapsed, or Redis lost what it had done
local log, rebuild, lock = unpack(KEYS)
local id, after, batch = unpack(ARGV)

if not may_go_on(lock, id, after, rebuild) then return {1} end
if after == '0-0' then redis.call('UNLINK', rebuild) end

local entries = redis.call('XRANGE', log, '(' .. after, '+', 'COUNT', batch)
for _, entry in ipairs(entries) do
  after = copy(entry, rebuild)
end
hold(lock, id, rebuild)
if #entries == tonumber(batch) then return {0, after, 0, 0} end

if redis.call('EXISTS', rebuild) == 1 then
  redis.call('RENAME', rebuild, log)
  redis.call('PERSIST', log)
else
  redis.call('UNLINK', log)
end
give_up(rebuild, lock)
return {0, after, 0, 1}
