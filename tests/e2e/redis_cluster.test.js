/* Redis Cluster: rooms are spread over masters, slots move under people who draw, a master dies. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { putNote, readRoom } from './lib/client.js'
import { Recorder } from './lib/recorder.js'
import { keyOf } from './lib/redis.js'
import { ClusterTopology } from './lib/redis_topology.js'
import { Roomd } from './lib/roomd.js'
import { noteSchema } from './lib/schemas.js'
import { SyncClient, complaints, converge, sortMembers } from './lib/sync.js'
import { until } from './lib/wait.js'

const ROOMS = Array.from({ length: 9 }, (_, i) => `room-${i}`)
const SLOTS_MOVED = 300

async function within(topology, roomd, act) {
  const recorders = ROOMS.map((room) => new Recorder(roomd, room))
  const clients = ['a', 'b'].map(
    (session) => new SyncClient(roomd, 'shared', { schema: noteSchema, session, binary: session === 'b' }),
  )
  const everybody = [...recorders, ...clients]
  const losses = () => everybody.map(({ losses }) => losses)
  try {
    await Promise.all(clients.map((client) => client.ready()))
    await Promise.all(recorders.map((recorder) => recorder.goesOn()))
    const before = losses()
    await act({ recorders, clients })
    await Promise.all(recorders.map((recorder) => recorder.goesOn()))
    clients[0].store.put([putNote('after')['note:after'][1]])
    const documents = await converge(clients)
    assert.deepEqual(losses(), before, 'a connection was lost')
    assert.deepEqual(sortMembers((await readRoom(roomd, 'shared')).documents), sortMembers(documents))
    await Promise.all(recorders.map((recorder) => recorder.check(roomd)))
    return recorders.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0)
  } finally {
    await Promise.all(recorders.map((recorder) => recorder.stop()))
    clients.forEach((client) => client.close())
  }
}

/* How often each master executed scripts. */
async function scriptsRun(server) {
  const [, calls = 0] = /cmdstat_evalsha:calls=(\d+)/.exec(await server.command('INFO', 'commandstats')) ?? []
  return Number(calls)
}

describe('Redis Cluster', () => {
  let topology
  let roomd
  before(async () => {
    topology = await ClusterTopology.start({ masters: 3, replicas: 1 })
    await topology.login()
    roomd = await Roomd.start({ args: ['--redis', topology.url, '--idle-timeout', '0'] })
  })
  after(async () => {
    await roomd?.finish()
    const living = topology.servers.filter(({ isLost }) => !isLost)
    const refused = await Promise.all(living.map((redis) => redis.command('ACL', 'LOG')))
    await topology.stop()
    assert.deepEqual(refused.flat(), [])
    assert.deepEqual(complaints, [])
  })

  test('spreads rooms over its masters, and what is listed is all of them', async () => {
    await within(topology, roomd, () => {})
    const masters = []
    for (const server of topology.servers) {
      if (await server.isMaster()) {
        masters.push(server)
        assert.ok((await scriptsRun(server)) > 0, `${server.name} has no room`)
      }
    }
    assert.equal(masters.length, 3)
    const keys = (await Promise.all(masters.map((server) => server.command('KEYS', 'roomd:worker*')))).flat()
    assert.equal(keys.filter((key) => key.startsWith('roomd:worker:{roomd:workers}:')).length, 2)
    const { rooms } = await (await roomd.get('/v1/rooms?limit=1000')).json()
    assert.deepEqual(rooms.map(({ id }) => id).sort(), [...ROOMS, 'shared'].sort())
    let cursor = '0'
    const paged = []
    do {
      const page = await (await roomd.get(`/v1/rooms?limit=2&cursor=${cursor}`)).json()
      paged.push(...page.rooms.map(({ id }) => id))
      cursor = page.cursor
    } while (cursor)
    assert.deepEqual([...new Set(paged)].sort(), [...ROOMS, 'shared'].sort())
  })

  test('goes on in loaded rooms while the master of the workers is away', async () => {
    await within(topology, roomd, async ({ recorders }) => {
      const victim = await topology.masterOf('roomd:workers')
      const others = []
      for (const recorder of recorders) {
        const at = await topology.masterOf(keyOf(recorder.room))
        at !== victim && others.push(recorder)
      }
      assert.ok(others.length > 0)
      await topology.lose(victim)
      await until('not ready', async () => (await roomd.get('/readyz')).status === 503)
      await Promise.all(others.map((recorder) => recorder.goesOn()))
      await until('ready', async () => (await roomd.get('/readyz')).status === 200)
      assert.notEqual(await topology.masterOf('roomd:workers'), victim)
      await topology.revive(victim)
    })
  })

  test('moves slots under people who draw', async () => {
    const newcomer = await topology.add()
    await topology.cli('--cluster', 'add-node', newcomer.address, topology.servers[0].address)
    await topology.isWhole()
    await until('a known newcomer', async () => (await newcomer.command('CLUSTER', 'SLOTS')).length >= 3)
    const id = await topology.idOf(newcomer)
    const living = topology.servers.filter((server) => server.isLost !== true)
    for (const server of living) {
      await until(`${server.name} to know it`, async () => (await server.command('CLUSTER', 'NODES')).includes(id))
    }
    await within(topology, roomd, async ({ recorders }) => {
      const from = await topology.masterOf(keyOf(ROOMS[0]))
      const said = roomd.log.length
      const moving = []
      for (const recorder of recorders) {
        const at = await topology.masterOf(keyOf(recorder.room))
        at === from && moving.push(recorder)
      }
      const redirected = async (code) => {
        const before = await topology.errors(from, code)
        await until(`a redirection with ${code}`, async () => (await topology.errors(from, code)) > before)
      }
      for (const recorder of moving) {
        const slot = await from.command('CLUSTER', 'KEYSLOT', keyOf(recorder.room))
        await topology.moveSlot(slot, from, newcomer, async (key, isLast) => {
          if (isLast) {
            await redirected('ASK')
            await recorder.goesOn()
          } else if (!key.endsWith(':snapshot')) {
            await redirected('TRYAGAIN')
          }
        })
        await recorder.goesOn()
      }
      await topology.reshard(from, newcomer, SLOTS_MOVED)
      assert.ok((await topology.errors(from, 'MOVED')) > 0)
      const sent = roomd.log.slice(said).split('\n').filter((line) => / warn | error /.test(line))
      assert.deepEqual(sent, [], 'nobody should notice')
      assert.equal(await topology.masterOf(keyOf(ROOMS[0])), newcomer)
    })
  })

  test('goes on where other rooms wait for their master, and with those when a replica is it', async () => {
    await within(topology, roomd, async ({ recorders }) => {
      const victim = await topology.masterOf(keyOf(ROOMS[1]))
      const others = []
      const here = []
      for (const recorder of recorders) {
        const at = await topology.masterOf(keyOf(recorder.room))
        ;(at === victim ? here : others).push(recorder)
      }
      const at = Date.now()
      await topology.lose(victim)
      await Promise.all(others.map((recorder) => recorder.goesOn()))
      const elsewhere = Date.now() - at
      const master = () => topology.masterOf(keyOf(ROOMS[1]))
      await until('a replica in its place', async () => (await master()) !== victim)
      const whole = Date.now() - at
      await Promise.all(here.map((recorder) => recorder.goesOn()))
      const all = Date.now() - at
      console.log(`# others drew on after ${elsewhere} ms, all after ${all}; a replica took over after ${whole}`)
    })
  })
})

test('a server of a cluster is refused where one server is expected, and the other way round', async () => {
  const topology = await ClusterTopology.start({ masters: 3 })
  try {
    const { address } = topology.servers[0]
    await assert.rejects(Roomd.start({ args: ['--redis', `redis://${address}`] }), /its URL is redis-cluster:/)
  } finally {
    await topology.stop()
  }
})
