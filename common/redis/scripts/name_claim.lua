-- name_claim: takes a username for a user who is being made; the claim lapses unless it is confirmed.
--
-- KEYS  1 name:<folded>
-- ARGV  1 uuid, 2 '' or the uuid that holds the name for good and was then seen to have no record (a record
--       is written before its name is made permanent, so it won't come any more), 3 seconds until it lapses
-- Reply 1 claimed, 0 taken
local holder = redis.call('GET', KEYS[1]) or ''
if holder ~= ARGV[2] then return 0 end
if holder ~= '' and redis.call('TTL', KEYS[1]) >= 0 then return 0 end -- a claim, not for good yet
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return 1
