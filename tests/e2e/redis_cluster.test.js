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
const SLOTS_MOVED = 6000

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
    const refused = await Promise.all(topology.processes.map((redis) => redis.command('ACL', 'LOG').catch(() => [])))
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

  test('moves slots under people who draw', async () => {
    const acknowledged = await within(topology, roomd, async ({ recorders }) => {
      const from = await topology.masterOf(keyOf(ROOMS[0]))
      const newcomer = await topology.add()
      await topology.cli('--cluster', 'add-node', newcomer.address, from.address)
      await topology.isWhole()
      await until('a known newcomer', async () => (await newcomer.command('CLUSTER', 'SLOTS')).length >= 3)
      const at = Date.now()
      await topology.reshard(from, newcomer, SLOTS_MOVED)
      console.log(`# ${SLOTS_MOVED} slots moved in ${Date.now() - at} ms`)
      const moved = []
      for (const { room } of recorders) {
        const master = await topology.masterOf(keyOf(room))
        master === newcomer && moved.push(room)
      }
      console.log(`# rooms moved: ${moved}`)
      assert.ok(moved.length > 0)
    })
    console.log(`# ${acknowledged} pushes`)
    const gaps = roomd.log.split('\n').filter((line) => /snapshot was not stored|newer owner/.test(line))
    assert.deepEqual(gaps, [])
  })

  test('goes on where other rooms wait for their master, and with them when a replica has taken over', async () => {
    await within(topology, roomd, async ({ recorders }) => {
      const victim = await topology.masterOf(keyOf(ROOMS[1]))
      const membersAt = await topology.masterOf('roomd:workers')
      const others = []
      const here = []
      for (const recorder of recorders) {
        const at = await topology.masterOf(keyOf(recorder.room))
        ;(at === victim ? here : others).push(recorder)
      }
      console.log(`# ${here.length} rooms of ${recorders.length} lose their master${victim === membersAt ? ', and the workers' : ''}`)
      const at = Date.now()
      await topology.lose(victim)
      await Promise.all(others.map((recorder) => recorder.goesOn()))
      const elsewhere = Date.now() - at
      await until('a replica in its place', async () => (await topology.masterOf(keyOf(ROOMS[1]))) !== victim)
      const whole = Date.now() - at
      await Promise.all(here.map((recorder) => recorder.goesOn()))
      console.log(`# others went on ${elsewhere} ms later; a replica took over after ${whole} ms, and all drew on after ${Date.now() - at} ms`)
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
