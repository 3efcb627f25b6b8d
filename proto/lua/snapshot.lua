-- Replaces a room's snapshot and log by one snapshot that holds both; may give the room up.
-- KEYS: room hash, snapshot, log.
-- ARGV: owner, epoch, clock, records, bytes, sessions, time, number of the last entry in the
-- snapshot, '1' to give the room up, the snapshot ('' keeps what is stored).
if fenced(KEYS[1], ARGV[1], tonumber(ARGV[2])) then
  return redis.error_reply('FENCED a newer owner has the room')
end
-- A late command of a connection that is dead by now must not take back what came after it.
if tonumber(redis.call('HGET', KEYS[1], 'appended') or '0') > tonumber(ARGV[8]) then
  return redis.error_reply('GAP the log has newer entries')
end
if ARGV[10] ~= '' then
  redis.call('SET', KEYS[2], ARGV[10])
  redis.call('DEL', KEYS[3])
  redis.call('HSET', KEYS[1], 'snapshot_clock', ARGV[3], 'snapshot_bytes', #ARGV[10])
end
redis.call('HSET', KEYS[1], 'appended', ARGV[8])
show(KEYS[1], 3)
if ARGV[9] == '1' then
  redis.call('HDEL', KEYS[1], 'owner', 'node', 'claimed')
end
return 1
