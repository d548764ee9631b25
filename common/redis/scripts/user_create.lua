-- user_create: writes a new user's record and first access key. Both lapse unless they are confirmed
-- (PERSIST), so that a node killed in the middle leaves nothing behind.
--
-- KEYS  1 record, 2 keys
-- ARGV  1 name, 2 password hash, 3 created ms, 4 key hash or '' (no key yet), 5 key expiry ms,
--       6 seconds until it lapses
-- Reply 1 created, 0 there is one
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('ZCARD', KEYS[2]) -- an error if it is anything else, before the first write
redis.call('HSET', KEYS[1], 'name', ARGV[1], 'hash', ARGV[2], 'created', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[6])
if ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[2], ARGV[5], ARGV[4])
  redis.call('EXPIRE', KEYS[2], ARGV[6])
end
return 1
