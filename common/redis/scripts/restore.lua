-- restore: a step of restoring a purge: the log is put together anew from what is in it and in the trash, in their
-- order.
-- uses copying
-- uses position
--
-- KEYS  1 log, 2 trash, 3 rebuild, 4 lock, 5 the purge's record, 6 purges, 7 marks, 8 replaced, 9 meta
-- ARGV  1 uuid of this restore, 2 uuid of the purge, 3 go on behind this entry id, 4 how many to read of each
--       (0: give up, and leave everything as it was), 5 a fresh UUID (for a new epoch), 6 the history (see history_of)
-- Reply {0, entry id copied last, number copied out of the trash, 1 if done}, {1} another purge or restore is
--       at work, or this one was so slow that its lock lapsed, or Redis lost what it had done, {2} the
--       trash is gone: nothing was changed
local log, trash, rebuild, lock, record, purges, marks, replaced, meta = unpack(KEYS)
local id, purge, after, batch, spare, history = unpack(ARGV)

if not may_go_on(lock, id, after, rebuild) then return {1} end
if batch == '0' or redis.call('EXISTS', trash, record) < 2 then
  give_up(rebuild, lock)
  return batch == '0' and {0, '0-0', 0, 0} or {2}
end
if redis.call('EXISTS', meta) == 1 then -- before the log is another: a new epoch measures it
  local epoch, err = position(log, meta, spare, '', 0, history_of(history))
  if not epoch then return redis.error_reply(err) end
end
if after == '0-0' then
  redis.call('UNLINK', rebuild)
  redis.call('HDEL', record, 'floor')
end

-- What retention dropped from the log after it was copied stays dropped. The record keeps where the log began at the
-- last call; of what was copied from there on, the log has lost all but what came out of the trash.
local function drop_dropped()
  local first, floor = first_id(log), redis.call('HGET', record, 'floor')
  if not first then return end
  redis.call('HSET', record, 'floor', first)
  if not floor or compare(floor, first) >= 0 then return end
  for _, entry in ipairs(redis.call('XRANGE', rebuild, floor, '(' .. first)) do
    if #redis.call('XRANGE', trash, entry[1], entry[1]) == 0 then redis.call('XDEL', rebuild, entry[1]) end
  end
end

local function order_of(a, b) -- of two entries; what isn't there comes last
  if not a or not b then return a and -1 or b and 1 or 0 end
  return compare(a[1], b[1])
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
  local order = order_of(a, b)
  after = copy(order <= 0 and a or b, rebuild)
  if order <= 0 then i = i + 1 end
  if order >= 0 then
    j = j + 1
    restored = restored + 1
  end
end
drop_dropped()
hold(lock, id, rebuild)
if #kept == full or #purged == full then return {0, after, restored, 0} end

take_place(rebuild, log, replaced)
redis.call('UNLINK', trash, record)
redis.call('ZREM', purges, purge)
for _, member in ipairs(redis.call('ZRANGE', marks, 0, -1)) do
  if member:sub(1, #purge) == purge then redis.call('ZREM', marks, member) end
end
redis.call('DEL', lock)
return {0, after, restored, 1}
