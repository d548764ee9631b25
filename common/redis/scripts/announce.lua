-- announce: publishes an event to a channel's members unless there are too many of them.
--
-- KEYS  1 members
-- ARGV  1 bus, 2 the event, 3 largest number of members that are told, 4 a user who leaves, or ''
-- Reply 1 if the user was a member (or none was named), else 0
local was = 1
local count = redis.call('ZCARD', KEYS[1])
if ARGV[4] ~= '' then was = redis.call('ZREM', KEYS[1], ARGV[4]) end
if was == 1 and count <= tonumber(ARGV[3]) then redis.call('SPUBLISH', ARGV[1], ARGV[2]) end
return was
