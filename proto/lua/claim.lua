-- Makes a worker the owner of a room, if the epoch is still the one the caller saw.
-- KEYS: room hash.  ARGV: epoch seen, worker, node, time.
-- Returns {1, new epoch} or {0, current epoch}.
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if epoch ~= tonumber(ARGV[1]) then
  return {0, epoch}
end
redis.call('HSETNX', KEYS[1], 'created', ARGV[4])
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'node', ARGV[3], 'epoch', epoch + 1,
  'appended', 0, 'claimed', ARGV[4])
return {1, epoch + 1}
