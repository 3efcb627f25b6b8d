/* A gateway is killed: its clients come back through another one, are told only what they missed,
 * and whoever does not come back is taken away in time - also when the room's worker dies with it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { Client, putNote, readRoom } from './lib/client.js'
import { kill } from './lib/processes.js'
import { Roomd } from './lib/roomd.js'
import { until } from './lib/wait.js'

const REMOVAL_WAIT_MS = 5000 // LIFE-4
/* Ticks, a takeover, and a machine that is busy. */
const GRACE_MS = 2000

async function connectionsOf(roomd) {
  const text = await (await roomd.get('/metrics')).text()
  const samples = text.matchAll(/^roomd_connections\{process="(gateway-\d)".*\} (\d+)$/gm)
  return new Map([...samples].map(([, name, count]) => [name, Number(count)]))
}

/* Somebody on that gateway: the kernel chooses, so it is tried until it fits. */
async function connectThrough(roomd, gateway, room, options) {
  return until(`a connection through ${gateway}`, async () => {
    const before = await connectionsOf(roomd)
    const client = await Client.connect(roomd, room, options)
    if ((await connectionsOf(roomd)).get(gateway) > before.get(gateway)) {
      return client
    }
    await client.leave()
    await until('it has left', async () => isDeepStrictEqual(await connectionsOf(roomd), before))
    return null
  })
}

async function moveCursor(client, name) {
  await client.push({ presence: ['put', { id: 'x', typeName: 'presence', name, cursor: { x: 0, y: 0 }, chat: '' }] })
}

const cursorsSeenBy = (client) =>
  [...client.records.values()].filter(({ typeName }) => typeName === 'presence').map(({ name }) => name)

const ownerPid = async (roomd, room) => {
  const redis = await roomd.redis()
  const { owner } = await redis.hash(`roomd:{${room}}`)
  return Number((await redis.hash(`roomd:worker:${owner}`)).pid)
}

/* `stays` is on gateway-2, `returns` and `goes` on gateway-1, and everybody has a cursor. */
async function withPeople(act) {
  const roomd = await Roomd.start({ args: ['--gateways', '2'] })
  const people = {}
  try {
    for (const [name, gateway] of Object.entries({ stays: 'gateway-2', returns: 'gateway-1', goes: 'gateway-1' })) {
      people[name] = await connectThrough(roomd, gateway, 'demo', { session: `session of ${name}` })
      await moveCursor(people[name], name)
    }
    await people.stays.push({ diff: putNote('before') })
    await until('all cursors', () => cursorsSeenBy(people.stays).length === 2)
    await people.returns.hear('patch', ({ diff }) => diff['note:before'])
    await act(roomd, people)
    assert.equal(people.stays.closed, null)
  } finally {
    Object.values(people).forEach((client) => client.drop())
    await roomd.finish()
  }
}

/* What befalls the processes, and whether cursors of those who return may vanish for a moment. */
const deaths = {
  'is killed': (roomd) => [roomd.children().get('gateway-1')],
  "is killed, and the room's worker": async (roomd) => [
    roomd.children().get('gateway-1'),
    await ownerPid(roomd, 'demo'),
  ],
  'is killed, and all workers': (roomd) =>
    ['gateway-1', 'worker-1', 'worker-2'].map((name) => roomd.children().get(name)),
}

describe('a gateway', { concurrency: true }, () => {
  for (const [name, victims] of Object.entries(deaths)) {
    test(`that ${name}`, () =>
      withPeople(async (roomd, { stays, returns, goes }) => {
        const { session, clock } = returns
        const pids = await victims(roomd)
        const at = Date.now()
        pids.forEach((pid) => kill(pid))
        await returns.ended
        await goes.ended
        await stays.push({ diff: putNote('meanwhile') })

        /* Comes back as tldraw's client does: with the clock that it has seen. */
        const again = await until('somebody back', () =>
          Client.open(roomd, 'demo', { session }).then(async (client) => {
            const reply = await client.handshake({ lastServerClock: clock })
            return { client, reply }
          }),
        )
        try {
          const { reply, client } = again
          assert.equal(reply.hydrationType, 'wipe_presence')
          const documents = Object.keys(reply.diff).filter((id) => id.startsWith('note:'))
          assert.deepEqual(documents, ['note:meanwhile'], 'only what it missed')
          await moveCursor(client, 'returned')
          await until('the cursor of who came back', () => cursorsSeenBy(stays).includes('returned'))

          await until('no ghosts', () => {
            const seen = cursorsSeenBy(stays)
            return seen.length === 1 && seen[0] === 'returned'
          })
          const took = Date.now() - at
          assert.ok(took <= REMOVAL_WAIT_MS + GRACE_MS, `a ghost for ${took} ms`)
          const { documents: now, presence } = await readRoom(roomd, 'demo')
          assert.deepEqual(Object.keys(now), ['note:before', 'note:meanwhile'])
          assert.deepEqual(presence.map((record) => record.name).sort(), ['returned', 'stays'])
        } finally {
          again.client.drop()
        }
      }))
  }
})
