-- read: where a channel stands, and its entries behind a place, of one moment.
--
-- KEYS  1 log, 2 meta
-- ARGV  1 from this entry id on, 2 at most so many
-- Reply {{epoch, base, seq, the epoch before}, {entries}}; the first are nil where the channel has none yet
return {redis.call('HMGET', KEYS[2], 'epoch', 'base', 'seq', 'prev'),
        redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])}
