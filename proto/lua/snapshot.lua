-- Replaces a room's snapshot and log by one snapshot that holds both; may give the room up.
-- KEYS: room hash, snapshot, log.
-- ARGV: as fence.lua says, number of the last entry in the snapshot, '1' to give the room up, '2' if
-- it was erased as well, the snapshot ('' keeps what is stored).
local at = standing(KEYS[1])
if at == 'newer' then
  return fenced()
end
if at == 'older' then
  redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'epoch', ARGV[2], 'appended', 0)
  if ARGV[11] == '' then
    return gap('what is stored is older than the owner')
  end
end
-- A late command of a connection that is dead by now must not take back what came after it.
if appended(KEYS[1]) > tonumber(ARGV[9]) then
  return gap('the log has newer entries')
end
if ARGV[11] == '' then
  if appended(KEYS[1]) ~= tonumber(ARGV[9]) then
    return gap('the log has lost entries')
  end
else
  redis.call('SET', KEYS[2], ARGV[11])
  redis.call('DEL', KEYS[3])
  redis.call('HSET', KEYS[1], 'snapshot_clock', ARGV[3], 'snapshot_bytes', #ARGV[11])
end
show(KEYS[1], 'appended', ARGV[9], 'run', ARGV[8])
-- The owner knows by now what it had to know of the one before it.
redis.call('HDEL', KEYS[1], 'taken')
if ARGV[10] ~= '0' then
  redis.call('HDEL', KEYS[1], 'owner', 'node', 'claimed')
end
if ARGV[10] == '2' then
  redis.call('HSET', KEYS[1], 'erased', ARGV[7])
end
return 1
