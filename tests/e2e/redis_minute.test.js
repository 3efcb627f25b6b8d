/* Redis is away for more than a minute, longer than anything in roomd is patient for: whoever is in a
 * room stays and sees the others move, and what he does is stored when it is over. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Client, putNote, readRoom } from './lib/client.js'
import { kill } from './lib/processes.js'
import { Proxy } from './lib/proxy.js'
import { RedisServer } from './lib/redis_server.js'
import { Roomd } from './lib/roomd.js'
import { until } from './lib/wait.js'

const AWAY_MS = 65_000 // and some more: see isTurnedAway
const OWNER_WAIT_MS = 10_000 // how long somebody waits for a room that cannot be opened
const MOVE_EVERY_MS = 100
const PUSH_EVERY_MS = 10_000
/* Until it is noticed that Redis hangs, presence waits for it a little. */
const LONGEST_PAUSE_MS = 2000

const ways = {
  'is down': {
    begin: ({ server }) => server.end('SIGKILL'),
    end: ({ server }) => server.run(),
  },
  'does not answer': {
    begin: ({ server }) => kill(server.pid, 'SIGSTOP'),
    end: ({ server }) => kill(server.pid, 'SIGCONT'),
  },
  'cannot be reached': {
    begin: ({ proxy }) => (proxy.open = false),
    end: ({ proxy }) => (proxy.open = true),
  },
}

async function withScene(act) {
  const server = await RedisServer.start()
  const proxy = await Proxy.start(server.socket)
  const roomd = await Roomd.start({ args: ['--redis', `unix://${proxy.socket}`, '--idle-timeout', '0'] })
  const [drawer, other] = await Promise.all([1, 2].map(() => Client.connect(roomd, 'drawing')))
  try {
    await drawer.push({ diff: putNote('before') })
    await act({ server, proxy, roomd, drawer, other })
  } finally {
    drawer.drop()
    other.drop()
    await roomd.kill() // it may be without Redis still, and then would not stop in order
    await roomd.finish()
    await proxy.stop()
    await server.stop()
  }
}

/* Moves a cursor all the time, and watches how long it stands still for the other one. */
class Cursor {
  #timer
  #x = 0
  #seen = { x: 0, at: Date.now() }
  longest = 0

  constructor(mover, seer) {
    this.#timer = setInterval(() => {
      this.#look(seer)
      const cursor = { x: ++this.#x, y: 0 }
      const presence = ['put', { id: 'x', typeName: 'presence', name: 'mover', cursor, chat: '' }]
      mover.send({ type: 'push', clientClock: 1e6 + this.#x, presence })
    }, MOVE_EVERY_MS)
  }

  #look(seer) {
    const x = Math.max(0, ...[...seer.records.values()].map(({ cursor }) => cursor?.x ?? 0))
    if (x !== this.#seen.x) {
      this.#seen = { x, at: Date.now() }
    }
    this.longest = Math.max(this.longest, Date.now() - this.#seen.at)
  }

  stop() {
    clearInterval(this.#timer)
  }
}

const answersTo = (client) => client.heard.filter(({ type }) => type === 'push_result')

/* One changes documents now and then, the other moves all the time. */
async function drawUntil(end, drawer, other) {
  const cursor = new Cursor(other, drawer)
  let pushes = 0
  try {
    while (Date.now() < end) {
      drawer.pushResult({ diff: putNote(String(pushes++)) }).catch(() => {}) // it is more patient than that
      const next = Math.min(Date.now() + PUSH_EVERY_MS, end)
      await until('the next push', () => Date.now() >= next)
      await other.ping()
    }
  } finally {
    cursor.stop()
  }
  return { pushes, longest: cursor.longest }
}

/* Somebody who wants a room that nobody has loaded is told to come back later. */
async function isTurnedAway(roomd) {
  const at = Date.now()
  const client = await Client.open(roomd, 'another')
  client.handshake().catch(() => {})
  const { code } = await client.close()
  assert.equal(code, 1013)
  assert.ok(Date.now() - at >= OWNER_WAIT_MS * 0.9, 'it was waited for Redis')
}

describe('for more than a minute Redis', { concurrency: true }, () => {
  for (const [name, { begin, end }] of Object.entries(ways)) {
    test(name, () =>
      withScene(async (scene) => {
        const { roomd, drawer, other } = scene
        await begin(scene)
        const { pushes, longest } = await drawUntil(Date.now() + AWAY_MS, drawer, other)
        assert.deepEqual(Object.keys(other.documents), ['note:before'], 'nothing is shown that is not stored')
        assert.equal(answersTo(drawer).length, 1, 'or acknowledged')
        assert.ok(longest < LONGEST_PAUSE_MS, `a cursor stood still for ${longest} ms`)
        assert.equal((await roomd.get('/readyz')).status, 503)
        await isTurnedAway(roomd)

        await end(scene)
        await until('all answers', () => answersTo(drawer).length === 1 + pushes)
        assert.deepEqual([...new Set(answersTo(drawer).map(({ action }) => action))], ['commit'])
        await until('ready', async () => (await roomd.get('/readyz')).status === 200)
        assert.equal(drawer.closed ?? other.closed, null)
        const { documents } = await readRoom(roomd, 'drawing')
        assert.deepEqual(documents, drawer.documents)
        assert.equal(Object.keys(documents).length, 1 + pushes)
        const errors = roomd.log.split('\n').filter((line) => / error /.test(line))
        assert.equal(errors.length, 3, 'each process says it once')
      }))
  }
})
