-- key_add: stores the hash of a fresh access key, drops expired ones, and the oldest over the limit.
-- Confirms the record of a user whose creation was cut short.
--
-- KEYS  1 record, 2 keys
-- ARGV  1 key hash, 2 expiry ms, 3 now ms, 4 keys at most, 5 the password hash that was found right ('': none was
--       checked), 6 what to store in its place ('': it stays), 7 where the user signs in ('': nobody knows)
-- Reply 1 stored, 0 no such user; since the record was read (a password takes a while to check): 2 banned,
--       3 the password hash has changed
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local banned = tonumber(redis.call('HGET', KEYS[1], 'banned') or 0)
if banned and banned > tonumber(ARGV[3]) then return 2 end
if ARGV[5] ~= '' and redis.call('HGET', KEYS[1], 'hash') ~= ARGV[5] then return 3 end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[3])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -tonumber(ARGV[4])) -- before the new one, which may expire first
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
redis.call('PEXPIREAT', KEYS[2], string.format('%.0f', last))
redis.call('PERSIST', KEYS[1])
if ARGV[7] ~= '' then -- seen: the places of the last sign-ins, the newest first
  local seen = {ARGV[7]}
  for place in (redis.call('HGET', KEYS[1], 'seen') or ''):gmatch('%S+') do
    if place ~= ARGV[7] and #seen < 8 then seen[#seen + 1] = place end
  end
  redis.call('HSET', KEYS[1], 'seen', table.concat(seen, ' '))
end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'hash', ARGV[6]) end
return 1
