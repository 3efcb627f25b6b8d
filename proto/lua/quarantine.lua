-- Counts a worker's death against the room that it died of; the third within a minute quarantines it.
-- KEYS: room hash.  ARGV: time for people, reason, crashes that are too many, within seconds,
-- seconds of quarantine.
-- Returns {crashes within that time, end of the quarantine in unix seconds or 0}.
local now = tonumber(redis.call('TIME')[1])
local at = redis.call('HMGET', KEYS[1], 'crashes', 'crash_times')
local times = {}
-- Whoever releases the room takes 'crashes' away: what was before does not count then.
for time in string.gmatch(at[1] and at[2] or '', '%d+') do
  if tonumber(time) > now - tonumber(ARGV[4]) then
    times[#times + 1] = time
  end
end
times[#times + 1] = string.format('%.0f', now)
if #times > tonumber(ARGV[3]) then
  table.remove(times, 1)
end
redis.call('HSET', KEYS[1], 'crashes', #times, 'crash_times', table.concat(times, ' '),
  'crashed', ARGV[1], 'crash_reason', ARGV[2])
if #times < tonumber(ARGV[3]) then
  return {#times, 0}
end
local till = now + tonumber(ARGV[5])
redis.call('HSET', KEYS[1], 'quarantined_until', string.format('%.0f', till))
return {#times, till}
