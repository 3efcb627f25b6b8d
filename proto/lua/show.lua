-- Shows a room's figures to operators, if it is still the caller's.
-- KEYS: room hash.  ARGV: owner, epoch, clock, records, bytes, sessions, time.
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] and
    redis.call('HGET', KEYS[1], 'epoch') == ARGV[2] then
  show(KEYS[1], 3)
end
return 1
