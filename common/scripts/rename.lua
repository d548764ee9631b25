-- rename: a step of naming a user's messages anew, in a channel's log or in what a purge took out of it. An entry
-- of a stream can't be changed, so the stream is put together anew beside the old one, as by rebuild, while appends
-- to it go on. When nothing is left to copy, the new stream takes the old one's place.
--
-- KEYS  1 log or trash, 2 meta, 3 rebuild, 4 lock, 5 replaced
-- ARGV  1 uuid of this renaming, 2 the epoch it began in, 3 go on behind this entry id, 4 how many to read (0: give
--       up, and leave everything as it was), 5 the sender's uuid, 6 the new name
-- Reply {0, entry id copied last, number named anew, 1 if done}, {1} another purge or restore is at work, or this
--       one was so slow that its lock lapsed, {2} the epoch is another: nothing was changed
local REBUILD_S, LOCK_MS = 3600, 30000
local stream, meta, rebuild, lock, replaced = unpack(KEYS)
local id, epoch, after, batch, sender, name = unpack(ARGV)

local held = redis.call('GET', lock)
if held and held ~= id or not held and after ~= '0-0' then return {1} end
local other = redis.call('HGET', meta, 'epoch') ~= epoch
if batch == '0' or other then
  redis.call('UNLINK', rebuild)
  redis.call('DEL', lock)
  return other and {2} or {0, '0-0', 0, 0}
end
if after == '0-0' then redis.call('UNLINK', rebuild) end

local function name_anew(fields) -- 1 if that changed something
  local theirs, at = false, nil
  for i = 1, #fields, 2 do
    if fields[i] == 'sender' then theirs = fields[i + 1] == sender end
    if fields[i] == 'name' then at = i + 1 end
  end
  if not theirs or not at or fields[at] == name then return 0 end
  fields[at] = name
  return 1
end

local entries = redis.call('XRANGE', stream, '(' .. after, '+', 'COUNT', batch)
local changed = 0
for _, entry in ipairs(entries) do
  changed = changed + name_anew(entry[2])
  redis.call('XADD', rebuild, entry[1], unpack(entry[2]))
  after = entry[1]
end
redis.call('EXPIRE', rebuild, REBUILD_S)
redis.call('SET', lock, id, 'PX', LOCK_MS)
if #entries == tonumber(batch) then return {0, after, changed, 0} end

local function last_id()
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return info[i + 1] end
  end
end

if redis.call('EXISTS', stream) == 1 and redis.call('EXISTS', rebuild) == 1 then
  local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if first then -- what retention dropped after it was copied stays dropped
    redis.call('XTRIM', rebuild, 'MINID', first[1])
  else
    redis.call('XTRIM', rebuild, 'MAXLEN', 0)
  end
  redis.call('XSETID', rebuild, last_id()) -- the next seq's measure, whatever was deleted behind it
  local ttl = redis.call('PTTL', stream)
  redis.call('RENAME', stream, replaced)
  redis.call('RENAME', rebuild, stream)
  if ttl > 0 then redis.call('PEXPIRE', stream, ttl) else redis.call('PERSIST', stream) end
  redis.call('UNLINK', replaced)
end
redis.call('UNLINK', rebuild)
redis.call('DEL', lock)
return {0, after, changed, 1}
