/* What is in Redis, held against what proto/redis.md says is there. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'

const DOCUMENT = new URL('../../../proto/redis.md', import.meta.url)
const BATCH = 500

/* Of an unloaded room; what else the document names may be there as well, but for what an owner has. */
const ALWAYS = ['epoch', 'appended', 'run', 'clock', 'records', 'bytes', 'sessions', 'created', 'updated']
const OF_AN_OWNER = ['owner', 'node', 'claimed', 'taken']

/* The fields that the document names for a room's hash. */
async function documentedFields() {
  const text = await readFile(DOCUMENT, 'utf8')
  const section = text.slice(text.indexOf('**`roomd:{ROOM}`**'), text.indexOf('**`roomd:{ROOM}:snapshot`**'))
  const cells = [...section.matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell]) => cell)
  return new Set(cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name)))
}

export async function allKeys(redis) {
  const keys = []
  let cursor = '0'
  do {
    const [next, some] = await redis.text('SCAN', cursor, 'COUNT', 5000)
    keys.push(...some)
    cursor = next
  } while (cursor !== '0')
  return [...new Set(keys)]
}

/* Calls `ask(redis, key)` for all, some at a time, and returns the answers in order. */
export async function askAll(redis, keys, ask) {
  const answers = []
  for (let i = 0; i < keys.length; i += BATCH) {
    answers.push(...(await Promise.all(keys.slice(i, i + BATCH).map((key) => ask(redis, key)))))
  }
  return answers
}

/* Which room a key is of, and which of the room's; null if it is of no room. */
function ofRoom(key) {
  const [, room, suffix] = /^roomd:\{([^{}]+)\}(|:snapshot|:log)$/.exec(key) ?? []
  return room === undefined ? null : { room, suffix }
}

function checkUnloaded(room, suffixes, hash, documented) {
  const unknown = Object.keys(hash).filter((name) => !documented.has(name))
  assert.deepEqual(unknown, [], `fields of ${room} that proto/redis.md does not name`)
  const missing = ALWAYS.filter((name) => !(name in hash))
  assert.deepEqual(missing, [], `fields that ${room} lacks`)
  const left = OF_AN_OWNER.filter((name) => name in hash)
  assert.deepEqual(left, [], `fields of an owner in ${room}, which has none`)
  assert.equal(hash.sessions, '0', room)
  assert.deepEqual([...suffixes].sort(), ['', ':snapshot'], `keys of ${room}`)
}

/* All keys are of documented kinds, none of them by mistake: rooms that nobody is in have a hash
 * without an owner and a snapshot, and nothing lives on that should have ended. Rooms in `loaded` have
 * an owner that lives; so may others that a worker's death left behind. Returns the names of the
 * {unloaded} rooms and of those {left} behind. */
export async function checkKeys(redis, { loaded, workers }) {
  const documented = await documentedFields()
  const keys = await allKeys(redis)
  const rooms = new Map() // name to the suffixes of its keys
  for (const { room, suffix } of keys.map(ofRoom).filter(Boolean)) {
    rooms.set(room, (rooms.get(room) ?? new Set()).add(suffix))
  }
  const others = keys.filter((key) => !ofRoom(key)).sort()
  assert.deepEqual(others, ['roomd:events', 'roomd:workers', ...workers.map((id) => `roomd:worker:${id}`)].sort())
  assert.deepEqual((await redis.text('SMEMBERS', 'roomd:workers')).sort(), [...workers].sort())

  const roomKeys = keys.filter(ofRoom)
  const lifetimes = await askAll(redis, roomKeys, (r, key) => r.text('PTTL', key))
  assert.deepEqual([...new Set(lifetimes)], [-1], 'no key of a room ends by itself')
  for (const id of workers) {
    const lifetime = await redis.text('PTTL', `roomd:worker:${id}`)
    assert.ok(lifetime > 0 && lifetime <= 3000, `roomd:worker:${id} ends in ${lifetime} ms`)
  }

  const names = [...rooms.keys()]
  const hashes = await askAll(redis, names, (r, name) => r.hash(`roomd:{${name}}`))
  const owned = names.filter((_, i) => hashes[i].owner)
  const living = new Set(names.filter((_, i) => workers.includes(hashes[i].owner)))
  assert.deepEqual([...loaded].filter((name) => !living.has(name)), [], 'loaded rooms without an owner that lives')
  const unloaded = names.filter((name, i) => {
    hashes[i].owner || checkUnloaded(name, rooms.get(name), hashes[i], documented)
    return !hashes[i].owner
  })
  return { unloaded, left: owned.filter((name) => !loaded.has(name)) }
}
