-- position(log, meta, spare, known_epoch, known_seq, history): where a channel stands. Prepended to the scripts
-- that say "-- uses position".
--
-- Returns epoch, seq (number of the last message), base (first seq of this epoch), max and age (retention,
-- or false) and the epoch before (or false); or nil and an error text. An epoch that is no UUID, or a seq that
-- is missing, no number, behind the stream, or behind what the caller has seen of the same epoch (Redis lost its
-- newest data) would let a number be used twice: then a new epoch (`spare`, a fresh UUID) begins behind all of
-- them. `known_epoch` is '' if the caller knows nothing.
--
-- `history` (from history_of) names the server's replication history, which is another one after each promotion and
-- restart: a channel that was last numbered under another one may have lost a tail that only somebody else has seen,
-- so it begins a new epoch as well. False: not compared.
--
-- The meta keeps the epoch before (prev): what is stored below the base is how that one began, whatever it lost.
-- Writes nothing before it has seen that both keys have the right type.
local SEQ_DIGITS = 15 -- Lua numbers are exact to 2^53
local UUID = '^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$'

-- What the caller wants compared: '' nothing, '1' (where servers are promoted) what this server says of itself, which
-- costs as much as storing a message, or else the name itself: where there is one server, callers know its run id.
local function history_of(wanted)
  if wanted ~= '1' then return wanted ~= '' and wanted end
  return redis.call('INFO', 'replication'):match('master_replid:(%x+)')
end

local function renew(log, meta, spare, known, history)
  local top = known
  local info = redis.pcall('XINFO', 'STREAM', log)
  if not info.err then
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' then
        local digits = info[i + 1]:match('^(%d+)%-')
        if #digits > SEQ_DIGITS then return nil, 'ERR the log ends near the largest number' end
        top = math.max(top, tonumber(digits))
      end
    end
  elseif not info.err:find('no such key', 1, true) then
    return nil, info.err
  end
  local prev = redis.pcall('HGET', meta, 'epoch')
  if type(prev) == 'table' and prev.err then return nil, prev.err end
  local put = redis.pcall('HSET', meta, 'epoch', spare, 'base', string.format('%.0f', top + 1),
                          'seq', string.format('%.0f', top), 'prev', prev or '', 'history', history or '')
  if type(put) == 'table' and put.err then return nil, put.err end
  return spare, top, top + 1, unpack(redis.call('HMGET', meta, 'max', 'age', 'prev'))
end

local function position(log, meta, spare, known_epoch, known_seq, history)
  local m = redis.pcall('HMGET', meta, 'epoch', 'seq', 'base', 'max', 'age', 'history', 'prev')
  if m.err then return nil, m.err end
  local epoch, seq, base = m[1], m[2], m[3]
  local known = known_epoch == epoch and tonumber(known_seq) or 0
  if epoch and seq and base and epoch:match(UUID) and seq:match('^%d+$') and #seq <= SEQ_DIGITS
     and base:match('^%d+$') and #base <= SEQ_DIGITS and tonumber(seq) >= known
     and (not history or history == m[6]) then
    return epoch, tonumber(seq), tonumber(base), m[4], m[5], m[7]
  end
  return renew(log, meta, spare, known, history)
end
