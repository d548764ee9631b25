-- copying: what rename, restore and relog have in common. Prepended to the scripts that say "-- uses copying".
--
-- A stream takes no entry older than its last, and none can be changed. So a log is put together anew in a stream
-- beside it, a batch a call, under the channel's lock, while appends to the log go on; when nothing is left to copy,
-- the new stream takes its place. Until then nothing that anybody reads has changed.
local REBUILD_S, LOCK_MS = 3600, 30000

local function give_up(rebuild, lock)
  redis.call('UNLINK', rebuild)
  redis.call('DEL', lock)
end

local function last_id(stream) -- given out last, whatever was deleted since
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return info[i + 1] end
  end
end

-- Is the lock ours, or free at the beginning? One that lapsed between two calls may have been another's since: what
-- was copied may be of a log that is no more. And is what was copied still there, or did Redis lose the end of it?
local function may_go_on(lock, id, after, rebuild)
  local held = redis.call('GET', lock)
  if held and held ~= id then return false end
  if after == '0-0' then return true end
  if not held then return false end
  if redis.call('EXISTS', rebuild) == 1 and last_id(rebuild) == after then return true end
  give_up(rebuild, lock)
  return false
end

local function copy(entry, rebuild)
  redis.call('XADD', rebuild, entry[1], unpack(entry[2]))
  return entry[1]
end

-- Neither outlives a caller that died for long.
local function hold(lock, id, rebuild)
  redis.call('EXPIRE', rebuild, REBUILD_S)
  redis.call('SET', lock, id, 'PX', LOCK_MS)
end

local function compare(a, b) -- two entry ids: -1, 0 or 1
  local am, an = a:match('^(%d+)%-(%d+)$')
  local bm, bn = b:match('^(%d+)%-(%d+)$')
  am, an, bm, bn = tonumber(am), tonumber(an), tonumber(bm), tonumber(bn)
  if am ~= bm then return am < bm and -1 or 1 end
  return an == bn and 0 or an < bn and -1 or 1
end

local function first_id(stream) -- nil: there is none
  local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  return first and first[1]
end

-- Puts `rebuild`, which exists, in the place of `stream`, with its last id, the measure of the next seq, and its
-- time to live.
local function take_place(rebuild, stream, replaced)
  local ttl = redis.call('PTTL', stream)
  if redis.call('EXISTS', stream) == 1 then
    local last = last_id(stream)
    if compare(last_id(rebuild), last) < 0 then redis.call('XSETID', rebuild, last) end
    redis.call('RENAME', stream, replaced)
  end
  redis.call('RENAME', rebuild, stream)
  if ttl > 0 then redis.call('PEXPIRE', stream, ttl) else redis.call('PERSIST', stream) end
  redis.call('UNLINK', replaced)
end
