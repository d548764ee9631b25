-- position(log, meta, spare, known_epoch, known_seq, history, alias, whole): where a channel stands. Prepended to the
-- scripts that say "-- uses position".
--
-- Returns epoch, seq (number of the last message), base (first seq of this epoch), max and age (retention,
-- or false) and the epoch's lineage (or false); or nil and an error text. An epoch that is no UUID, or a seq that
-- is missing, no number, behind the stream, or behind what the caller has seen of the same epoch (Redis lost its
-- newest data) would let a number be used twice: then a new epoch (`spare`, a fresh UUID) begins behind all of them,
-- and behind what the caller has seen of another: what is new has a number there that it hasn't had. `known_epoch` is
-- '' if the caller knows nothing.
--
-- `history` and `alias` (from history_of) name the server's replication history, which is another one after each
-- promotion and restart: a channel that was last numbered under another one may have lost a tail that only somebody
-- else has seen, or be an older copy, so it begins a new epoch as well. Nil: not compared.
--
-- `whole`: the end of the log is looked at, too, which costs too much for each message. A log that ends before the seq
-- of an epoch that has messages was put back alone: what is missing was lost.
--
-- The lineage (prev in the meta) says which places of earlier epochs go on in this one: "epoch:kept epoch:kept" and so
-- on, newest first. The log held all of that epoch's messages up to `kept` when it was left. So a place is in the
-- history of this epoch if its epoch is named and its seq is not above its `kept`, nor above one that stands before
-- it. Only where nothing but the history had changed is that known; a damaged position begins without a lineage. Nor
-- does one go on where numbers were skipped (kept + 1 < base): messages are missing there.
-- Writes nothing before it has seen that both keys have the right type.
local SEQ_DIGITS = 15 -- Lua numbers are exact to 2^53
local LINEAGE_MAX = 16
local UUID = '^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$'

-- What the caller wants compared: '' nothing, '1' (where servers are promoted) what this server says of itself, which
-- costs as much as storing a message, '2' that or its run id, whichever the others use, or else the name itself: where
-- there is one server, nodes know its run id.
local function history_of(wanted)
  if wanted ~= '1' and wanted ~= '2' then return wanted ~= '' and wanted or nil end
  local replication = redis.call('INFO', 'replication'):match('master_replid:(%x+)')
  if wanted == '1' then return replication end
  return redis.call('INFO', 'server'):match('run_id:(%x+)'), replication
end

-- Of the epoch that comes after one of the meta `m`.
local function lineage_after(m)
  local all = {m.epoch .. ':' .. m.seq}
  local kept = m.prev and m.prev:match('^%S+:(%d+)')
  if kept and tonumber(kept) + 1 == tonumber(m.base) then
    for one in m.prev:gmatch('%S+') do
      if #all < LINEAGE_MAX then all[#all + 1] = one end
    end
  end
  return table.concat(all, ' ')
end

-- The highest number that the log had; nil and an error text.
local function end_of(log)
  local info = redis.pcall('XINFO', 'STREAM', log)
  if info.err then
    if info.err:find('no such key', 1, true) then return 0 end
    return nil, info.err
  end
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      local digits = info[i + 1]:match('^(%d+)%-')
      if #digits > SEQ_DIGITS then return nil, 'ERR the log ends near the largest number' end
      return tonumber(digits)
    end
  end
  return 0
end

-- `left`: the meta of a sound epoch that is left for the history's sake; nil: the position is damaged.
local function renew(log, meta, spare, seen, history, left)
  local last, err = end_of(log)
  if not last then return nil, err end
  local top = math.max(seen, last)
  local lineage = left and tonumber(left.seq) == last and lineage_after(left) or ''
  local put = redis.pcall('HSET', meta, 'epoch', spare, 'base', string.format('%.0f', top + 1),
                          'seq', string.format('%.0f', top), 'prev', lineage, 'history', history or '')
  if type(put) == 'table' and put.err then return nil, put.err end
  return spare, top, top + 1, unpack(redis.call('HMGET', meta, 'max', 'age', 'prev'))
end

local function position(log, meta, spare, known_epoch, known_seq, history, alias, whole)
  local m = redis.pcall('HMGET', meta, 'epoch', 'seq', 'base', 'max', 'age', 'history', 'prev')
  if m.err then return nil, m.err end
  local epoch, seq, base = m[1], m[2], m[3]
  local seen = tonumber(known_seq) or 0
  local sound = epoch and seq and base and epoch:match(UUID) and seq:match('^%d+$') and #seq <= SEQ_DIGITS
                and base:match('^%d+$') and #base <= SEQ_DIGITS
  local same = not history or m[6] == history or m[6] == alias
  if sound and same and (known_epoch ~= epoch or tonumber(seq) >= seen) then
    local n, first, last, err = tonumber(seq), tonumber(base), math.huge, nil
    if whole then last, err = end_of(log) end
    if not last then return nil, err end
    if last >= n or n < first then return epoch, n, first, m[4], m[5], m[7] end
    seen = math.max(seen, n)
  end
  local left = sound and not same and {epoch = epoch, seq = seq, base = base, prev = m[7]} or nil
  return renew(log, meta, spare, seen, history, left)
end
