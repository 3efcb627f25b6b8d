/* What was acknowledged is there, whatever dies: everything at once, one worker, the gateway, Redis.
 * Of workers and Redis clients notice nothing; from the rest they come back by themselves. In the end
 * all agree. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { note, readRoom } from './lib/client.js'
import { kill } from './lib/processes.js'
import { Random, seedOfRun } from './lib/random.js'
import { Recorder } from './lib/recorder.js'
import { Roomd } from './lib/roomd.js'
import { noteSchema } from './lib/schemas.js'
import { SyncClient, complaints, converge, sortMembers } from './lib/sync.js'
import { PATIENCE_MS } from './lib/wait.js'

const SYNC_CLIENTS = 3
const ROOMS = 4
const ROUNDS = Number(process.env.E2E_ROUNDS ?? 2)
const LONGEST_WAIT_MS = 400 // before the blow falls

/* A SyncClient that edits until it is told to stop. */
async function edit(client, name, random, isOver) {
  for (let n = 0; !isOver(); n++) {
    client.store.put([note(`${name}-${n}`, { text: 'x' }), note('shared', { x: n, text: name })])
    if (n > 5 && random.chance(0.3)) {
      client.store.remove([`note:${name}-${random.below(n)}`])
    }
    client.store._flushHistory()
    await pause(random.below(60))
  }
}

const blows = {
  'everything is killed at once': async (roomd) => {
    await roomd.kill()
    await roomd.start()
  },
  'roomd is stopped and started': async (roomd) => {
    const { code } = await roomd.stop()
    assert.equal(code, 0)
    await roomd.start()
  },
  'the gateway is killed': (roomd) => roomd.replace('gateway-1'),
  'the supervisor is killed': async (roomd) => {
    kill(roomd.pid)
    await roomd.ended()
    await roomd.start()
  },
}

const unnoticed = {
  'a worker is killed': (roomd) => roomd.replace('worker-1'),
  'the other worker is killed': (roomd) => roomd.replace('worker-2'),
  'all workers are killed': (roomd) => Promise.all([roomd.replace('worker-1'), roomd.replace('worker-2')]),
  'Redis is killed': (roomd) => roomd.replace('redis'),
  'Redis and a worker are killed': (roomd) =>
    Promise.all([roomd.replace('redis'), roomd.replace('worker-2')]),
}

describe('no acknowledged change is lost', () => {
  const random = new Random(seedOfRun())
  const rooms = Array.from({ length: ROOMS }, (_, i) => `room-${i}`)
  let roomd
  let recorders
  let clients

  before(async () => {
    roomd = await Roomd.start()
    recorders = rooms.map((room) => new Recorder(roomd, room))
    clients = Array.from({ length: SYNC_CLIENTS }, (_, i) => {
      const presence = {
        id: 'presence:x',
        typeName: 'presence',
        name: `sync-${i}`,
        cursor: { x: 0, y: 0 },
        chat: '',
      }
      const options = { schema: noteSchema, session: `sync-${i}`, binary: i === 1, presence }
      return new SyncClient(roomd, 'shared', options)
    })
    await Promise.all(clients.map((client) => client.ready()))
  })
  after(async () => {
    clients?.forEach((client) => client.close())
    await Promise.all(recorders?.map((recorder) => recorder.stop()) ?? [])
    await roomd?.finish()
    assert.deepEqual(complaints, [])
  })

  const losses = () => [...recorders, ...clients].map(({ losses }) => losses)
  const rounds = Array(ROUNDS)
    .fill([...Object.entries(unnoticed), ...Object.entries(blows)])
    .flat()
  let isWhole = true // until a round fails: then the others would only wait in vain
  for (const [name, blow] of rounds) {
    test(name, async () => {
      assert.ok(isWhole, 'an earlier round has failed')
      isWhole = false
      let over = false
      const editing = clients.map((client, i) =>
        edit(client, `${name[0]}${random.below(1e9)}-${i}`, new Random(random.below(1e9)), () => over),
      )
      try {
        await Promise.all(recorders.map((recorder) => recorder.goesOn()))
        await pause(random.below(LONGEST_WAIT_MS))
        const before = losses()
        await blow(roomd)
        await Promise.all(recorders.map((recorder) => recorder.goesOn()))
        if (name in unnoticed) {
          assert.deepEqual(losses(), before, 'a connection was lost')
        } else {
          assert.notDeepEqual(losses(), before)
        }
      } finally {
        over = true
        await Promise.all(editing)
      }
      const documents = await converge(clients, 2 * PATIENCE_MS)
      assert.deepEqual(sortMembers((await readRoom(roomd, 'shared')).documents), sortMembers(documents))
      await Promise.all(recorders.map((recorder) => recorder.check(roomd)))
      isWhole = true
    })
  }

  test('in the end, and after one more start', async () => {
    await Promise.all(recorders.map((recorder) => recorder.stop()))
    assert.ok(recorders.every((recorder) => recorder.acknowledged.length > 100))
    const before = await readRoom(roomd, 'shared')
    await roomd.stop()
    await roomd.start()
    await Promise.all(recorders.map((recorder) => recorder.check(roomd)))
    const { clock, documents } = await readRoom(roomd, 'shared')
    assert.deepEqual(documents, before.documents)
    assert.ok(clock >= before.clock)
  })
})
