-- Replaces a room's snapshot and log by one snapshot that holds both; may give the room up.
-- KEYS: room hash, snapshot, log, and where the snapshot was staged (stage.lua) that.
-- ARGV: as fence.lua says, number of the last entry in the snapshot, '1' to give the room up, '2' if
-- it was erased as well, the snapshot ('' keeps what is stored); if it was staged: how long it is, and
-- its clock.
local at = standing(KEYS[1])
if at == 'newer' then
  return fenced()
end
local staged = KEYS[4]
if staged and redis.call('STRLEN', staged) ~= tonumber(ARGV[12]) then
  return gap('what was staged is not all there')
end
local keeps = ARGV[11] == '' and not staged
if at == 'older' then
  redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'epoch', ARGV[2], 'appended', 0)
  if keeps then
    return gap('what is stored is older than the owner')
  end
end
local through = tonumber(ARGV[9])
local last = appended(KEYS[1])
local behind = ARGV[2] .. '-' .. string.format('%.0f', through + 1)
if last > through then
  -- While it was staged the log went on, and keeps what is behind it. If it has not that any more, a
  -- later snapshot was stored: a late command of a connection that is dead by now must not take back
  -- what came after it.
  local first = staged and ARGV[10] == '0' and redis.call('XRANGE', KEYS[3], behind, '+', 'COUNT', 1)[1]
  if not first or first[1] ~= behind then
    return gap('the log has newer entries')
  end
end
if keeps then
  if last ~= through then
    return gap('the log has lost entries')
  end
elseif staged then
  redis.call('HSET', KEYS[1], 'snapshot_clock', ARGV[13], 'snapshot_bytes', ARGV[12])
  redis.call('RENAME', staged, KEYS[2])
  redis.call('PERSIST', KEYS[2])
  if last > through then
    redis.call('XTRIM', KEYS[3], 'MINID', behind)
  else
    redis.call('DEL', KEYS[3])
  end
else
  redis.call('SET', KEYS[2], ARGV[11])
  redis.call('DEL', KEYS[3])
  redis.call('HSET', KEYS[1], 'snapshot_clock', ARGV[3], 'snapshot_bytes', #ARGV[11])
end
show(KEYS[1], 'appended', string.format('%.0f', math.max(last, through)), 'run', ARGV[8])
-- The owner knows by now what it had to know of the one before it.
redis.call('HDEL', KEYS[1], 'taken')
if ARGV[10] ~= '0' then
  redis.call('HDEL', KEYS[1], 'owner', 'node', 'claimed', 'load')
end
if ARGV[10] == '2' then
  redis.call('HSET', KEYS[1], 'erased', ARGV[7])
end
return 1
