-- Adds a piece to a snapshot that is too large for one command. What is staged is nobody's until
-- snapshot.lua puts it in its place, and gone by itself if that never happens.
-- KEYS: room hash, what is staged: a key of this one attempt.
-- ARGV: as fence.lua says, how many bytes are before the piece, the piece.
if standing(KEYS[1]) == 'newer' then
  return fenced()
end
if redis.call('STRLEN', KEYS[2]) ~= tonumber(ARGV[9]) then
  return gap('a piece before this one is missing')
end
redis.call('APPEND', KEYS[2], ARGV[10])
redis.call('PEXPIRE', KEYS[2], 60000)
return 1
