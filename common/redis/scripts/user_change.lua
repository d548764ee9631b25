-- user_change: changes fields of a user's record, if there is one: a deleted user must not come back in part.
--
-- KEYS  1 record
-- ARGV  pairs of a field and its value; '' removes the field
-- Reply 1 changed, 0 no such user
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for i = 1, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i])
  else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return 1
