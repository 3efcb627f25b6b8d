/* A node that stops among others: it says so first, gives its rooms to them under those who draw, and
 * only then sends its clients away, one after the other. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Client, putNote, readRoom } from './lib/client.js'
import { Cluster } from './lib/cluster.js'
import { kill } from './lib/processes.js'
import { until } from './lib/wait.js'

const ROOMS = Array.from({ length: 6 }, (_, i) => `room ${i}`)
const SPREAD_S = 2
const HURRY_MS = 5000 // 0.7 s for each kind of process; the machine has others to do too

/* Two nodes, as long as `body` runs; `args` are of the one that is to leave. */
async function withNodes(args, body) {
  const cluster = await Cluster.start({ nodes: 0 })
  try {
    const leaving = await cluster.add({ args })
    const staying = await cluster.add()
    const redis = await cluster.redis.connect()
    await body({ leaving, staying, redis, server: cluster.redis })
    redis.close()
  } finally {
    await cluster.finish()
  }
}

/* One client a room, which has stored a note. */
const fill = (node, rooms = ROOMS) =>
  Promise.all(
    rooms.map(async (room, i) => {
      const client = await Client.connect(node, room, { binary: i % 2 === 1 })
      assert.equal(await client.push({ diff: putNote('first') }), 'commit')
      return client
    }),
  )

const nodeId = async (node) => (await (await node.get('/v1/processes')).json()).processes[0].id
const ready = async (node) => ({
  admin: (await node.get('/readyz')).status,
  clients: (await fetch(`${node.http}/readyz`)).status,
})

describe('a node that stops among others', { concurrency: true }, () => {
  test('hands its rooms over before it closes a socket, and closes them one after the other', () =>
    withNodes(['--stop-spread', String(SPREAD_S)], async ({ leaving, staying, redis }) => {
      const clients = await fill(leaving)
      const closes = []
      clients.forEach((client) => client.ended.then(({ code }) => closes.push({ at: Date.now(), code })))
      const [from, to] = [await nodeId(leaving), await nodeId(staying)]
      const owners = async () =>
        Promise.all(ROOMS.map(async (room) => (await redis.hash(`roomd:{${room}}`)).node))
      assert.deepEqual(
        await owners(),
        ROOMS.map(() => from),
        'rooms start where their clients are',
      )

      kill(leaving.pid, 'SIGTERM')
      await leaving.logged(
        'the end of the handover',
        /gateway-1: stopping: closing all connections .*over_ms=2000/,
      )
      assert.deepEqual(
        await owners(),
        ROOMS.map(() => to),
      )
      /* Those who still have a socket go on drawing, through the node that leaves. */
      const open = clients.filter((client) => !client.closed)
      assert.ok(open.length > 0)
      const last = open.at(-1)
      const answer = last.push({ diff: putNote('second') }).catch(() => 'closed')
      const { code } = await leaving.ended()
      assert.equal(code, 0, leaving.log)
      assert.ok(['commit', 'closed'].includes(await answer))

      assert.deepEqual(
        closes.map(({ code }) => code),
        ROOMS.map(() => 1012),
      )
      const took = closes.at(-1).at - closes[0].at
      assert.ok(took > (SPREAD_S * 1000) / 2, `${took} ms between the first and the last`)
      const gaps = closes.slice(1).map(({ at }, i) => at - closes[i].at)
      assert.ok(Math.max(...gaps) < SPREAD_S * 1000 * 0.6, `not at once: ${gaps}`)
      for (const [i, room] of ROOMS.entries()) {
        assert.deepEqual((await readRoom(staying, room)).documents, clients[i].documents, room)
      }
      assert.doesNotMatch(leaving.log + staying.log, / (warn|error) (worker|gateway)-\d+ room=/)
    }))

  test('is not ready at once, and serves until its time is over', () =>
    withNodes(['--stop-delay', '3', '--stop-spread', '0'], async ({ leaving, staying }) => {
      const [client] = await fill(leaving, ['r'])
      assert.deepEqual(await ready(leaving), { admin: 200, clients: 200 })
      kill(leaving.pid, 'SIGTERM')
      await until('the answer 503', async () => (await ready(leaving)).clients === 503)
      assert.equal((await ready(leaving)).admin, 503)
      assert.match(await (await leaving.get('/readyz')).text(), /^leaving: load balancers are to see it\n/)
      assert.equal((await leaving.get('/healthz')).status, 200)
      const late = await Client.connect(leaving, 'r')
      assert.equal(await late.push({ diff: putNote('late') }), 'commit')
      assert.equal(await client.push({ diff: putNote('second') }), 'commit')
      assert.equal((await leaving.ended()).code, 0, leaving.log)
      assert.equal((await late.close()).code, 1012)
      assert.deepEqual((await readRoom(staying, 'r')).documents, client.documents)
    }))

  test('a second signal leaves out what is for others', () =>
    withNodes(['--stop-delay', '60', '--stop-timeout', '120'], async ({ leaving, staying }) => {
      const clients = await fill(leaving)
      kill(leaving.pid, 'SIGTERM')
      await until('the answer 503', async () => (await ready(leaving)).clients === 503)
      kill(leaving.pid, 'SIGTERM')
      await leaving.ended() // who needs more than 0.7 s is killed, and its log has everything
      for (const [i, room] of ROOMS.entries()) {
        assert.equal((await clients[i].close()).code, 1012)
        assert.deepEqual((await readRoom(staying, room)).documents, clients[i].documents)
      }
    }))

  test('a second signal ends a handover that does not end', () =>
    withNodes(['--workers', '1', '--stop-timeout', '120'], async ({ leaving, staying }) => {
      const clients = await fill(leaving)
      const worker = await leaving.child('worker-1')
      kill(worker, 'SIGSTOP')
      kill(leaving.pid, 'SIGTERM')
      await leaving.logged('the handover', /rooms go to other nodes; clients stay/)
      assert.ok(clients.every(({ closed }) => !closed))
      const asked = Date.now()
      kill(leaving.pid, 'SIGTERM')
      const { code } = await leaving.ended()
      assert.equal(code, 1, 'it says that somebody had to be killed')
      assert.ok(Date.now() - asked < HURRY_MS, `${Date.now() - asked} ms`)
      for (const [i, room] of ROOMS.entries()) {
        assert.equal((await clients[i].close()).code, 1012)
        assert.deepEqual((await readRoom(staying, room)).documents, clients[i].documents)
      }
    }))

  test('a second signal closes at once those whose turn has not come', () =>
    withNodes(['--stop-spread', '60', '--stop-timeout', '120'], async ({ leaving, staying }) => {
      const clients = await fill(leaving)
      kill(leaving.pid, 'SIGTERM')
      await leaving.logged('the closing', /gateway-1: stopping: closing all connections/)
      const asked = Date.now()
      assert.ok(clients.filter(({ closed }) => !closed).length > ROOMS.length / 2)
      kill(leaving.pid, 'SIGTERM')
      assert.equal((await leaving.ended()).code, 0, leaving.log)
      assert.ok(Date.now() - asked < HURRY_MS, `${Date.now() - asked} ms`)
      for (const [i, room] of ROOMS.entries()) {
        assert.equal((await clients[i].close()).code, 1012)
        assert.deepEqual((await readRoom(staying, room)).documents, clients[i].documents)
      }
    }))

  test('a worker that does nothing does not keep it longer than its time', () =>
    withNodes(['--workers', '1', '--stop-spread', '1', '--stop-timeout', '13'], async ({ leaving, staying }) => {
      const [client] = await fill(leaving, ['r'])
      kill(await leaving.child('worker-1'), 'SIGSTOP')
      const asked = Date.now()
      kill(leaving.pid, 'SIGTERM')
      assert.equal((await client.close()).code, 1012)
      assert.equal((await leaving.ended()).code, 1)
      assert.ok(Date.now() - asked < 14_000, `${Date.now() - asked} ms`)
      assert.deepEqual((await readRoom(staying, 'r')).documents, client.documents)
    }))

  test('without Redis it says so, closes all sockets, and loses nothing', () =>
    withNodes(['--stop-delay', '1', '--stop-spread', '1'], async ({ leaving, staying, server }) => {
      const clients = await fill(leaving)
      await server.end('SIGKILL')
      await until('the answer 503', async () => (await ready(leaving)).clients === 503)
      kill(leaving.pid, 'SIGTERM')
      for (const client of clients) {
        assert.equal((await client.close()).code, 1012)
      }
      await leaving.ended()
      await server.run()
      for (const [i, room] of ROOMS.entries()) {
        const { documents } = await until(room, () => readRoom(staying, room))
        assert.deepEqual(documents, clients[i].documents)
      }
    }))

  test('the last of them stops like one that is alone', () =>
    withNodes(['--stop-spread', '60', '--stop-timeout', '120'], async ({ leaving, staying }) => {
      assert.equal((await staying.stop()).code, 0)
      const clients = await fill(leaving)
      assert.equal((await leaving.stop()).code, 0)
      for (const client of clients) {
        assert.equal((await client.close()).code, 1012)
      }
      assert.doesNotMatch(leaving.log, /rooms go to other nodes/)
    }))

  test('a Redis that hangs means that it is alone', () =>
    withNodes(['--stop-spread', '60', '--stop-timeout', '120'], async ({ leaving, server }) => {
      const clients = await fill(leaving)
      kill(server.pid, 'SIGSTOP')
      try {
        kill(leaving.pid, 'SIGTERM')
        for (const client of clients) {
          assert.equal((await client.close()).code, 1012)
        }
      } finally {
        kill(server.pid, 'SIGCONT')
      }
      assert.equal((await leaving.ended()).code, 0, leaving.log)
    }))
})
