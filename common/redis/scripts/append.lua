-- append: stores messages in order and publishes each; one call carries as many as wait together.
-- uses position
--
-- KEYS  3 a message: the channel's log, its meta, and sent:<message uuid>
-- ARGV  1 node id, 2 seconds a message UUID is remembered, 3 a fresh UUID (for a new epoch), 4 the history
--       (see history_of), then 9 a message: bus, the epoch and seq up to which this node has
--       delivered ('' and 0: nothing), '1' if the client made the UUID (else ''), uuid, sender,
--       time in ms, sender's name, text
-- Reply one item a message, in order:
--       {0, epoch, seq, receivers}  stored as seq, published to so many nodes
--       {1, epoch, seq, fields}     a repeat: nothing stored; the first message's stream fields, or
--                                   empty when it is gone
--       {2, error}                  not stored; TRYAGAIN where the caller has yet to hear of the epoch
-- A message is one unit: its reads, which are what can fail, come before its first write.
local node, keep, spare = ARGV[1], ARGV[2], ARGV[3]
local history, alias = history_of(ARGV[4])

-- A number means something to those who know its epoch: who is answered before they are told of it takes it for one
-- of the epoch before.
local function repeated(log, meta, sent, uuid, known_epoch)
  local first = redis.pcall('GET', sent)
  if not first then return nil end
  if type(first) == 'table' then return {2, first.err} end
  local epoch, seq = first:match('^(%S+) (%d+)$')
  if not epoch then return {2, 'ERR malformed sent key'} end
  if known_epoch ~= '' and epoch ~= known_epoch then
    local current = redis.pcall('HGET', meta, 'epoch')
    if type(current) == 'table' then return {2, current.err} end
    if current and current ~= known_epoch then return {2, 'TRYAGAIN the caller is in an epoch that is over'} end
  end
  local entry = redis.pcall('XRANGE', log, seq .. '-0', seq .. '-0')
  if entry.err then return {2, entry.err} end
  local fields = entry[1] and entry[1][2] or {}
  for i = 1, #fields, 2 do -- the log may have been lost since, and another message be there now
    if fields[i] == 'uuid' and fields[i + 1] ~= uuid then fields = {} end
  end
  return {1, epoch, seq, fields}
end

local function store(log, meta, id, max, fields)
  if max then return redis.pcall('XADD', log, 'MAXLEN', '~', max, id, unpack(fields)) end
  return redis.pcall('XADD', log, id, unpack(fields))
end

-- The oldest that are older than `age` ms, a few at a time: more go with the next message.
local function expire(log, age)
  local t = redis.call('TIME')
  local until_ms = t[1] * 1000 + math.floor(t[2] / 1000) - (tonumber(age) or math.huge)
  for _, entry in ipairs(redis.call('XRANGE', log, '-', '+', 'COUNT', 20)) do
    for i = 1, #entry[2], 2 do
      if entry[2][i] == 'at' and (tonumber(entry[2][i + 1]) or 0) > until_ms then return end
    end
    redis.call('XDEL', log, entry[1])
  end
end

local function append(log, meta, sent, bus, known_epoch, known_seq, retry, uuid, sender, at, name, text)
  if retry == '1' then
    local reply = repeated(log, meta, sent, uuid, known_epoch)
    if reply then return reply end
  end
  local epoch, last, _, max, age = position(log, meta, spare, known_epoch, known_seq, history, alias)
  if not epoch then return {2, last} end
  local fields = {'uuid', uuid, 'sender', sender, 'name', name, 'at', at, 'text', text}
  local seq = string.format('%.0f', last + 1)
  local added = store(log, meta, seq .. '-0', max, fields)
  if added.err and added.err:find('equal or smaller', 1, true) then -- the counter is behind the stream
    epoch, last = renew(log, meta, spare, 0, history)
    if not epoch then return {2, last} end
    seq = string.format('%.0f', last + 1)
    added = store(log, meta, seq .. '-0', max, fields)
  end
  if added.err then return {2, added.err} end
  redis.call('HSET', meta, 'seq', seq)
  if age then expire(log, age) end
  if retry == '1' then redis.call('SET', sent, epoch .. ' ' .. seq, 'EX', keep) end
  local receivers = redis.call('SPUBLISH', bus, 'm\n' .. epoch .. '\n' .. seq .. '\n' .. node .. '\n' ..
    uuid .. '\n' .. sender .. '\n' .. at .. '\n' .. name .. '\n' .. text)
  return {0, epoch, seq, receivers}
end

local replies = {}
for i = 1, #KEYS / 3 do
  local k, a = i * 3, i * 9 - 5
  replies[i] = append(KEYS[k - 2], KEYS[k - 1], KEYS[k], unpack(ARGV, a + 1, a + 9))
end
return replies
