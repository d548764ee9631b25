-- purge: moves a batch of a channel's messages out of its log, into the trash of this purge, and marks them.
-- To be called again, from where it got to, until it is done.
-- uses position
--
-- The marks say what is gone: all up to a seq, or with '<sender>:' before it what that sender said up to there, or
-- one message's UUID, each by the channel's last seq at the time. A client that comes back with `since: S` has not
-- heard of those marked at S or later. Only MARKS_MAX are kept; the member 'lost', at the place of the newest that was
-- dropped, says so.
--
-- KEYS  1 log, 2 meta, 3 trash, 4 the purge's record, 5 purges, 6 marks, 7 lock
-- ARGV  1 uuid of the purge, 2 the epoch it was planned in, 3 go on behind this seq, 4 up to this seq, 5 how many
--       entries to look at (0: none, this is the end of it), 6 'all', 'from' or 'one', 7 the sender for
--       'from', the message's UUID for 'one', 8 ms for which it can be restored (0: not at all), 9 bus,
--       10 '1': tell those connected how far it is; when it is done they are told in any case, 11 a fresh UUID (for a
--       new epoch), 12 the history (see history_of)
-- Reply {0, seq looked at last, number moved, 1 if done}, {1} another purge or restore is at work, {2} the
--       epoch is another
local MARKS_MAX, LOCK_MS = 1000, 30000
local log, meta, trash, record, purges, marks, lock = unpack(KEYS)
local id, epoch, after, upto, batch, mode, what, grace, bus, announce, spare, history = unpack(ARGV)

local held = redis.call('GET', lock)
if held and held ~= id then return {1} end
local m = redis.call('HMGET', meta, 'epoch', 'seq')
if m[1] ~= epoch or not m[2] then return {2} end
local current, err = position(log, meta, spare, '', 0, history_of(history))
if not current then return redis.error_reply(err) end
if current ~= epoch then return {2} end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local known = redis.call('EXISTS', record) == 1

local function wanted(fields)
  local name = mode == 'from' and 'sender' or 'uuid'
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] == what end
  end
  return false
end

local function uuid_of(fields)
  for i = 1, #fields, 2 do
    if fields[i] == 'uuid' then return fields[i + 1] end
  end
  return '-'
end

local function mark(member)
  redis.call('ZADD', marks, m[2], id .. ' ' .. member)
end

local function keep(entry)
  if grace ~= '0' then redis.call('XADD', trash, entry[1], unpack(entry[2])) end
end

-- Everything from the beginning: cut off in one go behind the last one moved.
local function move_all(entries)
  for _, entry in ipairs(entries) do keep(entry) end
  local ms, n = entries[#entries][1]:match('^(%d+)%-(%d+)$')
  redis.call('XTRIM', log, 'MINID', ms .. '-' .. string.format('%.0f', n + 1))
  return #entries
end

local function move_wanted(entries)
  local moved = {}
  for _, entry in ipairs(entries) do
    if wanted(entry[2]) then
      keep(entry)
      moved[#moved + 1] = entry[1]
      if mode == 'one' then
        mark(uuid_of(entry[2]))
        redis.call('SPUBLISH', bus, 'p\n' .. epoch .. '\n' .. entry[1]:match('^%d+') .. '\n' .. uuid_of(entry[2]))
      end
    end
  end
  if #moved > 0 then redis.call('XDEL', log, unpack(moved)) end
  return #moved
end

local function forget_old_marks()
  local over = redis.call('ZCARD', marks) - MARKS_MAX
  if over <= 0 then return end
  local gone = redis.call('ZPOPMIN', marks, over + 1)
  redis.call('ZADD', marks, 'GT', gone[#gone], 'lost')
end

local function write_record(moved, reached)
  redis.call('HSET', record, 'epoch', epoch, 'mode', mode, 'what', what, 'upto', reached,
             'until', string.format('%.0f', now + grace))
  redis.call('HSETNX', record, 'at', string.format('%.0f', now))
  redis.call('HINCRBY', record, 'moved', moved)
  if grace == '0' then
    redis.call('PEXPIRE', record, LOCK_MS) -- for the length of the work
    return
  end
  redis.call('PEXPIRE', record, grace)
  redis.call('PEXPIRE', trash, grace)
  redis.call('ZREMRANGEBYSCORE', purges, '-inf', string.format('%.0f', now))
  redis.call('ZADD', purges, string.format('%.0f', now + grace), id)
  if redis.call('PTTL', purges) < tonumber(grace) then redis.call('PEXPIRE', purges, grace) end
end

local entries = {}
if batch ~= '0' then
  entries = redis.call('XRANGE', log, mode == 'all' and '-' or '(' .. after, upto, 'COUNT', batch)
end
local done = batch ~= '0' and #entries < tonumber(batch)
local reached = done and upto or #entries > 0 and entries[#entries][1]:match('^%d+') or after
local moved = #entries > 0 and (mode == 'all' and move_all(entries) or mode ~= 'all' and move_wanted(entries)) or 0
if moved > 0 or known then
  if mode ~= 'one' then
    local whose = mode == 'from' and what .. ':' or ''
    redis.call('ZREM', marks, id .. ' ' .. whose .. (redis.call('HGET', record, 'upto') or ''))
    mark(whose .. reached)
  end
  write_record(moved, reached)
  forget_old_marks()
  if mode ~= 'one' and (done or announce == '1') then
    redis.call('SPUBLISH', bus, mode == 'all' and 'p\n' .. epoch .. '\n' .. reached .. '\n-' or
      'f\n' .. epoch .. '\n' .. reached .. '\n' .. what)
  end
end
if done or batch == '0' then redis.call('DEL', lock) else redis.call('SET', lock, id, 'PX', LOCK_MS) end
return {0, reached, moved, done and 1 or 0}
