-- renew: begins a new epoch if the channel stands behind what the caller has delivered of it: Redis lost its
-- newest data, and numbers that clients have seen must not be used again.
-- uses position
--
-- KEYS  1 log, 2 meta
-- ARGV  1 a fresh UUID, 2 and 3 the epoch and seq up to which this node has delivered, 4 the history (see
--       history_of)
-- Reply 1
local epoch, err = position(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3],
                            history_of(ARGV[4]))
if not epoch then return redis.error_reply(err) end
return 1
