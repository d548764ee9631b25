-- read: where a channel stands, and its entries from where the caller stands on, of one moment. A new epoch begins
-- first where its numbers can't be trusted, or where the message that the caller had last is another one now: Redis was
-- put back beneath it, and went on in the same epoch.
-- uses position
--
-- KEYS  1 log, 2 meta
-- ARGV  1 at most so many, 2 a fresh UUID (for a new epoch), 3 and 4 the epoch and seq up to which this node has
--       delivered, 5 that message's UUID, or '' if it isn't known, 6 the history (see history_of)
-- Reply {{epoch, base, seq, the epoch's lineage}, {entries, with that of the seq itself}, {id of the oldest entry that
--       there is}}; the first are nil where the channel has none yet, the last is empty where nothing is left
local log, meta = unpack(KEYS)
local n, spare, epoch, seq, uuid, wanted = unpack(ARGV)

local function is_another(entry)
  if uuid == '' or not entry or entry[1] ~= seq .. '-0' then return false end
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'uuid' then return entry[2][i + 1] ~= uuid end
  end
  return false
end

local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
local entries = redis.call('XRANGE', log, seq .. '-0', '+', 'COUNT', n)
if redis.call('EXISTS', meta) == 1 then
  local history, alias = history_of(wanted)
  local current, err = position(log, meta, spare, epoch, seq, history, alias, true)
  if current == epoch and is_another(entries[1]) then current, err = renew(log, meta, spare, tonumber(seq), history) end
  if not current then return redis.error_reply(err) end
end
return {redis.call('HMGET', meta, 'epoch', 'base', 'seq', 'prev'), entries, {oldest and oldest[1]}}
