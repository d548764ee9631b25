-- rename: a step of naming a user's messages anew, in a channel's log or in what a purge took out of it.
-- uses copying
-- uses position
--
-- KEYS  1 log or trash, 2 meta, 3 rebuild, 4 lock, 5 replaced, 6 log
-- ARGV  1 uuid of this renaming, 2 the epoch it began in, 3 go on behind this entry id, 4 how many to read (0: give
--       up, and leave everything as it was), 5 the sender's uuid, 6 the new name, 7 a fresh UUID (for a new epoch),
--       8 the history (see history_of)
-- Reply {0, entry id copied last, number named anew, 1 if done}, {1} another purge or restore is at work, or this
--       one was so slow that its lock lapsed, or Redis lost what it had done, {2} the epoch is another: nothing
--       was changed
local stream, meta, rebuild, lock, replaced, log = unpack(KEYS)
local id, epoch, after, batch, sender, name, spare, history = unpack(ARGV)

if not may_go_on(lock, id, after, rebuild) then return {1} end
local other = redis.call('HGET', meta, 'epoch') ~= epoch
if not other then
  local current, err = position(log, meta, spare, '', 0, history_of(history))
  if not current then return redis.error_reply(err) end
  other = current ~= epoch
end
if batch == '0' or other then
  give_up(rebuild, lock)
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
  after = copy(entry, rebuild)
end
hold(lock, id, rebuild)
if #entries == tonumber(batch) then return {0, after, changed, 0} end

if redis.call('EXISTS', stream) == 1 and redis.call('EXISTS', rebuild) == 1 then
  local first = first_id(stream)
  if first then -- what retention dropped after it was copied stays dropped
    redis.call('XTRIM', rebuild, 'MINID', first)
  else
    redis.call('XTRIM', rebuild, 'MAXLEN', 0)
  end
  take_place(rebuild, stream, replaced)
end
give_up(rebuild, lock)
return {0, after, changed, 1}
