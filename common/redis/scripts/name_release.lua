-- name_release: frees a username, if it still is this user's.
--
-- KEYS  1 name:<folded>
-- ARGV  1 uuid
-- Reply 1 released, 0 it is another's, or nobody's
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
