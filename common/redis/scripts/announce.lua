-- announce: publishes an event to a channel's members unless there are too many of them.
--
-- KEYS  1 members
-- ARGV  1 bus, 2 the event, 3 largest number of members that are told
-- Reply 1
if redis.call('ZCARD', KEYS[1]) <= tonumber(ARGV[3]) then redis.call('SPUBLISH', ARGV[1], ARGV[2]) end
return 1
