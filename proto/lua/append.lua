-- Appends entries to a room's log under its owner's epoch, and shows the room's figures.
-- KEYS: room hash, log.
-- ARGV: owner, epoch, clock, records, bytes, sessions, time, number of the first entry, and then
-- for each entry: clock, session, seq, outcome, diff, schema ('' if it sets none).
-- An entry's id in the stream is epoch-number; numbers count from 1 in each epoch, without gaps.
local epoch = tonumber(ARGV[2])
if fenced(KEYS[1], ARGV[1], epoch) then
  return redis.error_reply('FENCED a newer owner has the room')
end
local number = tonumber(ARGV[8])
if tonumber(redis.call('HGET', KEYS[1], 'appended') or '0') ~= number - 1 then
  return redis.error_reply('GAP the log does not end before this entry')
end
for i = 9, #ARGV, 6 do
  local id = ARGV[2] .. '-' .. string.format('%.0f', number)
  if ARGV[i + 5] == '' then
    redis.call('XADD', KEYS[2], id, 'clock', ARGV[i], 'session', ARGV[i + 1], 'seq', ARGV[i + 2],
      'outcome', ARGV[i + 3], 'diff', ARGV[i + 4])
  else
    redis.call('XADD', KEYS[2], id, 'clock', ARGV[i], 'session', ARGV[i + 1], 'seq', ARGV[i + 2],
      'outcome', ARGV[i + 3], 'diff', ARGV[i + 4], 'schema', ARGV[i + 5])
  end
  number = number + 1
end
redis.call('HSET', KEYS[1], 'appended', number - 1)
show(KEYS[1], 3)
return number - 1
