-- key_revoke: removes an access key and tells every node that has the user.
--
-- KEYS  1 keys
-- ARGV  1 key hash, 2 the user's bus, 3 the event
-- Reply 1 removed, 0 was not there
local removed = redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('SPUBLISH', ARGV[2], ARGV[3])
return removed
