-- Makes a worker the owner of a room, if the epoch is still the one the caller saw.
-- KEYS: room hash.  ARGV: epoch seen, worker, node, time.
-- Returns {1, new epoch}, {0, current epoch}, or {-1, until} while the room is quarantined (unix
-- seconds).
local at = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'quarantined_until')
local epoch = tonumber(at[1] or '0')
if epoch ~= tonumber(ARGV[1]) then
  return {0, epoch}
end
local till = tonumber(at[3] or '0')
if till > tonumber(redis.call('TIME')[1]) then
  return {-1, till}
end
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'node', ARGV[3], 'epoch', epoch + 1,
  'appended', 0, 'claimed', ARGV[4])
if redis.call('HDEL', KEYS[1], 'erased') == 1 then
  redis.call('HSET', KEYS[1], 'created', ARGV[4])
end
redis.call('HSETNX', KEYS[1], 'created', ARGV[4])
-- An owner that did not give the room up may have had more than it stored.
if at[2] then
  redis.call('HSET', KEYS[1], 'taken', at[2])
else
  redis.call('HDEL', KEYS[1], 'taken')
end
return {1, epoch + 1}
