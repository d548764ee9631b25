-- rebuild: a step of undoing a purge. A stream takes no entry older than its last, so the log is put together
-- anew from what is in it and in the trash, in their order, while appends to it go on. When nothing is left to
-- copy, the new stream takes the log's place.
--
-- KEYS  1 log, 2 trash, 3 rebuild, 4 lock, 5 the purge's record, 6 purges, 7 marks, 8 replaced
-- ARGV  1 uuid of this restore, 2 uuid of the purge, 3 go on behind this entry id, 4 how many to read of each
--       (0: give up, and leave everything as it was)
-- Reply {0, entry id copied last, number copied out of the trash, 1 if done}, {1} another purge or restore is
--       at work, {2} the trash is gone: nothing was changed
local REBUILD_S, LOCK_MS = 3600, 30000
local log, trash, rebuild, lock, record, purges, marks, replaced = unpack(KEYS)
local id, purge, after, batch = unpack(ARGV)

local held = redis.call('GET', lock)
if held and held ~= id then return {1} end
if batch == '0' or redis.call('EXISTS', trash) == 0 then
  redis.call('UNLINK', rebuild)
  redis.call('DEL', lock)
  return batch == '0' and {0, '0-0', 0, 0} or {2}
end
if after == '0-0' then redis.call('UNLINK', rebuild) end

local function parts(entry)
  local ms, n = entry[1]:match('^(%d+)%-(%d+)$')
  return tonumber(ms), tonumber(n)
end

local function compare(a, b) -- -1, 0, 1; what isn't there comes last
  if not a or not b then return a and -1 or b and 1 or 0 end
  local am, an = parts(a)
  local bm, bn = parts(b)
  if am ~= bm then return am < bm and -1 or 1 end
  return an == bn and 0 or an < bn and -1 or 1
end

-- What is read whole ends both lists: behind a full batch there may be more, which comes before the rest of the
-- other.
local kept = redis.call('XRANGE', log, '(' .. after, '+', 'COUNT', batch)
local purged = redis.call('XRANGE', trash, '(' .. after, '+', 'COUNT', batch)
local full = tonumber(batch)
local i, j, restored = 1, 1, 0
while true do
  local a, b = kept[i], purged[j]
  if (not a and (not b or #kept == full)) or (not b and #purged == full) then break end
  local order = compare(a, b)
  local entry = order <= 0 and a or b
  redis.call('XADD', rebuild, entry[1], unpack(entry[2]))
  after = entry[1]
  if order <= 0 then i = i + 1 end
  if order >= 0 then
    j = j + 1
    restored = restored + 1
  end
end
redis.call('EXPIRE', rebuild, REBUILD_S)
redis.call('SET', lock, id, 'PX', LOCK_MS)
if #kept == full or #purged == full then return {0, after, restored, 0} end

if redis.call('EXISTS', log) == 1 then -- its last id is the next seq's measure, whatever was deleted behind it
  local info = redis.call('XINFO', 'STREAM', log)
  for k = 1, #info, 2 do
    if info[k] == 'last-generated-id' and compare({after}, {info[k + 1]}) < 0 then
      redis.call('XSETID', rebuild, info[k + 1])
    end
  end
  redis.call('RENAME', log, replaced)
end
redis.call('PERSIST', rebuild)
redis.call('RENAME', rebuild, log)
redis.call('UNLINK', replaced, trash, record)
redis.call('ZREM', purges, purge)
for _, member in ipairs(redis.call('ZRANGE', marks, 0, -1)) do
  if member:sub(1, #purge) == purge then redis.call('ZREM', marks, member) end
end
redis.call('DEL', lock)
return {0, after, restored, 1}
