/* Sentinel: a master dies, hangs, or is replaced while it still answers; the others follow without
 * a restart, whoever draws stays connected, and all that was acknowledged is there. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, putNote, readRoom } from './lib/client.js'
import { kill } from './lib/processes.js'
import { Recorder } from './lib/recorder.js'
import { SentinelTopology } from './lib/redis_topology.js'
import { Roomd } from './lib/roomd.js'
import { noteSchema } from './lib/schemas.js'
import { SyncClient, complaints, converge, sortMembers } from './lib/sync.js'
import { until } from './lib/wait.js'

const ROOMS = ['one', 'two', 'three']

const ways = {
  'the master is killed': {
    begin: ({ master }) => master.end('SIGKILL'),
    end: ({ master }) => master.start(),
  },
  'the master hangs': {
    begin: ({ master }) => kill(master.pid, 'SIGSTOP'),
    end: ({ master }) => kill(master.pid, 'SIGCONT'),
  },
  'another master is chosen by hand, and the old one still answers': {
    begin: ({ topology }) => topology.sentinels[0].command('SENTINEL', 'FAILOVER', 'main'),
    end: () => {},
  },
}

describe('Redis with sentinels', () => {
  let topology
  let roomd
  let recorders
  let clients

  before(async () => {
    topology = await SentinelTopology.start()
    await topology.login()
    roomd = await Roomd.start({ args: ['--redis', topology.url, '--idle-timeout', '0'] })
    recorders = ROOMS.map((room) => new Recorder(roomd, room))
    clients = ['a', 'b'].map(
      (session) =>
        new SyncClient(roomd, 'shared', { schema: noteSchema, session, binary: session === 'b' }),
    )
    await Promise.all(clients.map((client) => client.ready()))
  })
  after(async () => {
    clients?.forEach((client) => client.close())
    await Promise.all(recorders?.map((recorder) => recorder.stop()) ?? [])
    await roomd?.finish()
    const living = [...topology.servers, ...topology.sentinels.slice(1)]
    const refused = await Promise.all(living.map((redis) => redis.command('ACL', 'LOG')))
    await topology.stop()
    assert.deepEqual(refused.flat(), [])
    assert.deepEqual(complaints, [])
  })

  for (const [name, { begin, end }] of Object.entries(ways)) {
    test(name, async () => {
      const master = await topology.master()
      await Promise.all(recorders.map((recorder) => recorder.goesOn()))
      const losses = () => [...recorders, ...clients].map(({ losses }) => losses)
      const before = losses()
      const at = Date.now()
      await begin({ topology, master })
      const next = await topology.newMaster(master)
      const elected = Date.now()
      await Promise.all(recorders.map((recorder) => recorder.goesOn()))
      const again = Date.now()
      await end({ topology, master })
      clients[0].store.put([putNote(`after ${name}`)[`note:after ${name}`][1]])
      const documents = await converge(clients)
      assert.deepEqual(losses(), before, 'a connection was lost')
      assert.deepEqual(sortMembers((await readRoom(roomd, 'shared')).documents), sortMembers(documents))
      await Promise.all(recorders.map((recorder) => recorder.check(roomd)))
      assert.equal(await next.isMaster(), true)
      await until('an old master that is a replica', async () => !(await master.isMaster()))
      await topology.isSettled()
      console.log(`# ${name}: elected after ${elected - at} ms, drawn on ${again - elected} ms later`)
    })
  }

  test('a sentinel that is gone is not missed', async () => {
    await topology.sentinels[0].end('SIGKILL')
    await roomd.stop()
    await roomd.start()
    await Promise.all(recorders.map((recorder) => recorder.goesOn()))
    await Promise.all(recorders.map((recorder) => recorder.check(roomd)))
  })
})

test('of a master that the sentinels do not know the start says so', async () => {
  const topology = await SentinelTopology.start({ replicas: 1, sentinels: 2 })
  try {
    const url = topology.url.replace(/main$/, 'other')
    await assert.rejects(Roomd.start({ args: ['--redis', url] }), /sentinel 127.*No such master/)
  } finally {
    await topology.stop()
  }
})

test('a room that nobody had loaded when the end of its log was lost jumps ahead of its clients', async () => {
  const topology = await SentinelTopology.start()
  let roomd
  try {
    roomd = await Roomd.start({ args: ['--redis', topology.url, '--unload-after', '1'] })
    const client = await Client.connect(roomd, 'away')
    await client.push({ diff: putNote('kept') })
    const { clock } = client
    await client.leave()
    const master = await topology.master()
    await until('an unloaded room', async () => !(await master.command('HGET', 'roomd:{away}', 'owner')))
    await master.command('WAIT', 2, 5000)
    await master.end('SIGKILL')
    await topology.newMaster(master)
    const room = await until('the room', () => readRoom(roomd, 'away'))
    assert.deepEqual(Object.keys(room.documents), ['note:kept'])
    assert.ok(room.clock > clock + 1e6 - 1, 'nobody can tell what the old master had')
  } finally {
    await roomd?.finish()
    await topology.stop()
  }
})
