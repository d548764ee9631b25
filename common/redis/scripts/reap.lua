-- reap: takes a batch of users of a dead node offline.
--
-- KEYS  1 nodes, 2 online, 3 the dead node's users
-- ARGV  1 the dead node's id, 2 users at most
-- Reply {1 if there is more to do, else 0, {users who are offline now}}
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local deadline = redis.call('ZSCORE', KEYS[1], ARGV[1])
if deadline and tonumber(deadline) > now then return {0, {}} end -- it came back
redis.call('ZCARD', KEYS[2]) -- an error if it is anything else, before the first write
local gone = {}
for _, user in ipairs(redis.call('SPOP', KEYS[3], ARGV[2])) do
  if tonumber(redis.call('ZINCRBY', KEYS[2], -1, user)) <= 0 then
    redis.call('ZREM', KEYS[2], user)
    gone[#gone + 1] = user
  end
end
if redis.call('EXISTS', KEYS[3]) == 1 then return {1, gone} end
redis.call('ZREM', KEYS[1], ARGV[1])
return {0, gone}
