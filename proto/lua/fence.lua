-- Put in front of the other scripts. A room's hash says who owns it and since which epoch; whoever
-- writes for an owner passes both, and is refused when a newer claim exists.
--
-- A hash that is older than the writer (Redis came back without its last second, or empty) does not
-- refuse: nobody has claimed the room since, so the writer's ownership is put back in place.
local function fenced(key, owner, epoch)
  local at = redis.call('HMGET', key, 'owner', 'epoch')
  local current = tonumber(at[2] or '0')
  if current > epoch then
    return true
  end
  if current == epoch then
    return at[1] ~= owner
  end
  redis.call('HSET', key, 'owner', owner, 'epoch', epoch, 'appended', 0)
  return false
end

local function show(key, from)
  redis.call('HSET', key, 'clock', ARGV[from], 'records', ARGV[from + 1], 'bytes', ARGV[from + 2],
    'sessions', ARGV[from + 3], 'updated', ARGV[from + 4])
end
