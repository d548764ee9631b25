-- leave: a user leaves a private channel, and its members are told unless there are too many of them. What nothing was
-- ever said in, and nobody is in any more who came by himself (see join), goes altogether.
--
-- KEYS  1 members, 2 log, 3 meta
-- ARGV  1 user, 2 bus, 3 the event, 4 largest number of members that are told
-- Reply 1 if the user was a member, else 0; 2 if nothing is left of the channel
local count = redis.call('ZCARD', KEYS[1])
local m = redis.call('HMGET', KEYS[3], 'seq', 'max', 'age')
local unused = m[1] == '0' and not m[2] and not m[3] and redis.call('EXISTS', KEYS[2]) == 0
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
if count <= tonumber(ARGV[4]) then redis.call('SPUBLISH', ARGV[2], ARGV[3]) end
if not unused or #redis.call('ZRANGEBYSCORE', KEYS[1], '(0', '+inf', 'LIMIT', 0, 1) > 0 then return 1 end
redis.call('DEL', KEYS[1], KEYS[3])
return 2
