-- Makes another worker the owner of a room, by its owner's own will. Snapshot and log stay as they
-- are: they hold all of the room, and the new owner loads them.
-- KEYS: room hash.
-- ARGV: as fence.lua says, number of the last entry, worker and node that get the room.
-- Returns the new epoch.
local at = standing(KEYS[1])
if at == 'newer' then
  return fenced()
end
if at == 'older' or appended(KEYS[1]) ~= tonumber(ARGV[9]) then
  return gap('the log does not end with this entry')
end
local epoch = tonumber(ARGV[2]) + 1
show(KEYS[1], 'owner', ARGV[10], 'node', ARGV[11], 'epoch', epoch, 'appended', 0,
  'claimed', ARGV[7], 'run', ARGV[8])
redis.call('HDEL', KEYS[1], 'taken')
return epoch
