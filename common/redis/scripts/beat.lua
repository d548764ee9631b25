-- beat: a node says that it is alive. Redis' clock counts, so that nodes need not agree on the time.
--
-- KEYS  1 nodes
-- ARGV  1 node id, 2 ms until it counts as dead
-- Reply {1 if the node was known and alive, else 0, {dead node ids, at most 10}}
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local deadline = redis.call('ZSCORE', KEYS[1], ARGV[1])
local known = deadline and tonumber(deadline) > now and 1 or 0 -- some of its users may be reaped already
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
return {known, redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, 10)}
