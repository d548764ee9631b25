-- position(log, meta, spare): where a channel stands. Prepended to the scripts that say "-- uses position".
--
-- Returns epoch, seq (number of the last message), base (first seq of this epoch), max (retention or
-- false); or nil and an error text. A seq that is missing, no number, or behind the stream would let a
-- number be used twice: then a new epoch (`spare`, a fresh UUID) begins behind everything the stream
-- ever held. Writes nothing before it has seen that both keys have the right type.
local SEQ_DIGITS = 15 -- Lua numbers are exact to 2^53

local function renew(log, meta, spare)
  local top = 0
  local info = redis.pcall('XINFO', 'STREAM', log)
  if not info.err then
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' then
        local digits = info[i + 1]:match('^(%d+)%-')
        if #digits > SEQ_DIGITS then return nil, 'ERR the log ends near the largest number' end
        top = tonumber(digits)
      end
    end
  elseif not info.err:find('no such key', 1, true) then
    return nil, info.err
  end
  local put = redis.pcall('HSET', meta, 'epoch', spare, 'base', string.format('%.0f', top + 1),
                          'seq', string.format('%.0f', top))
  if type(put) == 'table' and put.err then return nil, put.err end
  return spare, top, top + 1, redis.call('HGET', meta, 'max')
end

local function position(log, meta, spare)
  local m = redis.pcall('HMGET', meta, 'epoch', 'seq', 'base', 'max')
  if m.err then return nil, m.err end
  local epoch, seq, base = m[1], m[2], m[3]
  if epoch and seq and base and seq:match('^%d+$') and #seq <= SEQ_DIGITS
     and base:match('^%d+$') and #base <= SEQ_DIGITS then
    return epoch, tonumber(seq), tonumber(base), m[4]
  end
  return renew(log, meta, spare)
end
