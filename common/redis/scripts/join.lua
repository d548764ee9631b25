-- join: makes a user a member of a channel and tells where the channel stands.
-- uses position
--
-- KEYS  1 log, 2 meta, 3 members
-- ARGV  1 user, 2 the other user of a private channel or '' (who is a member, too, joined at 0 until he comes by
--       himself), 3 time in ms, 4 a fresh UUID (for a new
--       epoch), 5 bus, 6 the event to publish for a new member, 7 largest number of members that are
--       told of it, 8 how many members to list, 9 and 10 the epoch and seq up to which this node has
--       delivered ('' and 0: nothing), 11 the history (see history_of)
-- Reply {epoch, base, seq, number of members, {those who joined last}, the epoch's lineage or ''}
local members = redis.pcall('ZCARD', KEYS[3])
if type(members) == 'table' then return members end -- before anything is written; position looks at the others
local history, alias = history_of(ARGV[11])
local epoch, seq, base, _, _, lineage = position(KEYS[1], KEYS[2], ARGV[4], ARGV[9], ARGV[10], history, alias, true)
if not epoch then return redis.error_reply(seq) end
local new = redis.call('ZADD', KEYS[3], 'NX', ARGV[3], ARGV[1])
local count = members + new
if ARGV[2] ~= '' then
  count = count + redis.call('ZADD', KEYS[3], 'NX', 0, ARGV[2])
  if redis.call('ZSCORE', KEYS[3], ARGV[1]) == '0' then redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1]) end
end
if new == 1 and count <= tonumber(ARGV[7]) then redis.call('SPUBLISH', ARGV[5], ARGV[6]) end
local listed = tonumber(ARGV[8]) > 0 and redis.call('ZREVRANGE', KEYS[3], 0, ARGV[8] - 1) or {}
return {epoch, string.format('%.0f', base), string.format('%.0f', seq), count, listed, lineage or ''}
