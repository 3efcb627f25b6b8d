-- Put in front of the other scripts. A room's hash says who owns it and since which epoch; whoever
-- writes for an owner passes both, and is refused when a newer claim exists.
--
-- A hash that is older than the writer (Redis came back without its last second, or empty) does not
-- refuse, as long as nobody has written to the room since: whoever the hash names would have to, before
-- it shows anything to anybody. But nothing that is stored can be built upon then; the owner stores a
-- snapshot, which holds everything, and puts its ownership back by that. Redis has a new run id after
-- each loss, so a hash with the run id of now has been written to since.
--
-- ARGV of all scripts that write for an owner: owner, epoch, clock, records, bytes, sessions, time,
-- run id of this Redis as the owner knows it, and then their own.

-- 'ours', 'newer' or 'older'.
local function standing(key)
  local at = redis.call('HMGET', key, 'owner', 'epoch', 'run')
  local current, epoch = tonumber(at[2] or '0'), tonumber(ARGV[2])
  if current < epoch then
    return at[3] == ARGV[8] and 'newer' or 'older'
  end
  return current == epoch and at[1] == ARGV[1] and 'ours' or 'newer'
end

local function appended(key)
  return tonumber(redis.call('HGET', key, 'appended') or '0')
end

local function fenced()
  return redis.error_reply('FENCED a newer owner has the room')
end

local function gap(why)
  return redis.error_reply('GAP ' .. why)
end

-- Shows the room's figures, and more fields of the hash that change with them.
local function show(key, ...)
  redis.call('HSET', key, 'clock', ARGV[3], 'records', ARGV[4], 'bytes', ARGV[5],
    'sessions', ARGV[6], 'updated', ARGV[7], ...)
end
