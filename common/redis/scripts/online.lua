-- online: users came to this node (count 1) or went from it (count -1).
--
-- KEYS  1 online, 2 the node's users
-- ARGV  1 '1' or '-1', then user uuids
-- Reply an array: for each user 1 if they came online or went offline altogether, else 0
local step, replies = tonumber(ARGV[1]), {}
redis.call('ZCARD', KEYS[1]) -- an error if it is anything else, before the first write
for i = 2, #ARGV do
  local changed = redis.call(step == 1 and 'SADD' or 'SREM', KEYS[2], ARGV[i])
  replies[i - 1] = 0
  if changed == 1 then
    local nodes = tonumber(redis.call('ZINCRBY', KEYS[1], step, ARGV[i]))
    if nodes <= 0 then redis.call('ZREM', KEYS[1], ARGV[i]) end
    if (step == 1 and nodes == 1) or nodes <= 0 then replies[i - 1] = 1 end
  end
end
return replies
