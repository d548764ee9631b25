-- name_confirm: makes a claimed username permanent.
--
-- KEYS  1 name:<folded>
-- ARGV  1 uuid
-- Reply 1 it is this user's, 0 it lapsed and is another's now
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
