-- Appends entries to a room's log under its owner's epoch. With none it asks whether the log still
-- ends where the owner thinks, as after an outage.
-- KEYS: room hash, log.
-- ARGV: as fence.lua says, number of the first entry, and then for each entry: clock, session, seq,
-- by ('' if nobody), opened, outcome, diff, schema ('' if it sets none).
-- An entry's id in the stream is epoch-number; numbers count from 1 in each epoch, without gaps.
local at = standing(KEYS[1])
if at == 'newer' then
  return fenced()
end
local number = tonumber(ARGV[9])
if at == 'older' or appended(KEYS[1]) ~= number - 1 then
  return gap('the log does not end before this entry')
end
for i = 10, #ARGV, 8 do
  local fields = {'clock', ARGV[i], 'session', ARGV[i + 1], 'seq', ARGV[i + 2],
    'outcome', ARGV[i + 5], 'diff', ARGV[i + 6]}
  if ARGV[i + 3] ~= '' then
    fields[#fields + 1] = 'by'
    fields[#fields + 1] = ARGV[i + 3]
    fields[#fields + 1] = 'opened'
    fields[#fields + 1] = ARGV[i + 4]
  end
  if ARGV[i + 7] ~= '' then
    fields[#fields + 1] = 'schema'
    fields[#fields + 1] = ARGV[i + 7]
  end
  redis.call('XADD', KEYS[2], ARGV[2] .. '-' .. string.format('%.0f', number), unpack(fields))
  number = number + 1
end
show(KEYS[1], 'appended', number - 1, 'run', ARGV[8])
return number - 1
