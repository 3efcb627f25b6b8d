/* A replica takes over from the Redis that dies, without the last changes: by an address that moves,
 * as Sentinel or a cloud's endpoint do it. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import { Client, putNote, readRoom } from './lib/client.js'
import { kill } from './lib/processes.js'
import { Proxy } from './lib/proxy.js'
import { RedisServer } from './lib/redis_server.js'
import { Roomd } from './lib/roomd.js'
import { until } from './lib/wait.js'

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

async function startPair() {
  const port = await freePort()
  const master = await RedisServer.start({ port })
  const replica = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', port] })
  await until('a replica', async () =>
    /master_link_status:up/.test(await replica.command('INFO', 'replication')),
  )
  return { master, replica }
}

async function withScene(act) {
  const { master, replica } = await startPair()
  const proxy = await Proxy.start(master.socket)
  const roomd = await Roomd.start({ args: ['--redis', `unix://${proxy.socket}`] })
  const people = await Promise.all([1, 2].map(() => Client.connect(roomd, 'drawing')))
  const scene = { master, replica, proxy, roomd, people }
  try {
    await people[0].push({ diff: putNote('before') })
    await until('the replica has it', async () => (await replica.command('XLEN', 'roomd:{drawing}:log')) >= 2)
    await act(scene)
  } finally {
    scene.people.forEach((client) => client.drop())
    await roomd.finish()
    await proxy.stop()
    await replica.stop()
    await master.stop()
  }
}

/* Changes that the master has acknowledged and the replica never gets, cut off as it is. */
async function pushWhatIsLost({ replica, people: [drawer, other] }) {
  await replica.command('REPLICAOF', 'NO', 'ONE')
  for (let i = 0; i < 5; i++) {
    await drawer.push({ diff: putNote(`late ${i}`) })
  }
  await other.hear('patch', ({ diff }) => diff['note:late 4'])
}

async function failOver({ master, replica, proxy }) {
  await master.end('SIGKILL')
  proxy.target = replica.socket
}

const late = Array.from({ length: 5 }, (_, i) => `note:late ${i}`)

describe('when a replica takes over', { concurrency: true }, () => {
  test('rooms that are loaded give it what it lacks', () =>
    withScene(async (scene) => {
      const { roomd, replica, people } = scene
      await pushWhatIsLost(scene)
      await failOver(scene)
      assert.equal(await people[0].push({ diff: putNote('after') }), 'commit')
      assert.equal(people[0].closed ?? people[1].closed, null)
      await until('ready', async () => (await roomd.get('/readyz')).status === 200)
      assert.equal(await replica.command('HGET', 'roomd:{drawing}', 'epoch'), '1')
      /* It is all in the new one, for whoever reads it there. */
      await roomd.kill()
      await roomd.start()
      const { documents } = await readRoom(roomd, 'drawing')
      assert.deepEqual(Object.keys(documents).sort(), ['note:before', 'note:after', ...late].sort())
    }))

  test('and the workers have died too, what it lacks is gone, and nobody goes on with it', () =>
    withScene(async (scene) => {
      const { roomd, people } = scene
      await pushWhatIsLost(scene)
      const [, { clock: seen, session }] = people
      for (const name of ['worker-1', 'worker-2']) {
        kill(await roomd.child(name))
      }
      await failOver(scene)
      await Promise.all(people.map((client) => client.ended))
      assert.deepEqual(people.map(({ closed }) => closed.code), [1012, 1012])
      const again = await until('somebody back', () => Client.open(roomd, 'drawing', { session }))
      people.push(again)
      const reply = await again.handshake({ lastServerClock: seen })
      assert.equal(reply.hydrationType, 'wipe_all')
      assert.ok(reply.serverClock > seen)
      assert.deepEqual(Object.keys(again.documents), ['note:before'])
      await roomd.logged('the jump', /warn .*room=drawing: .*its clock jumps/)
      assert.equal(await again.push({ diff: putNote('after') }), 'commit')
    }))
})
