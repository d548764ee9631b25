-- read: where a channel stands, and its entries behind a place, of one moment.
--
-- KEYS  1 log, 2 meta
-- ARGV  1 from this entry id on, 2 at most so many
-- Reply {{epoch, base, seq, the epoch's lineage}, {entries}, {id of the oldest entry that there is}}; the first are nil
--       where the channel has none yet, the last is empty where nothing is left
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return {redis.call('HMGET', KEYS[2], 'epoch', 'base', 'seq', 'prev'),
        redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2]), {oldest and oldest[1]}}
