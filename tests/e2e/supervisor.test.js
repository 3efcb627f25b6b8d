/* Processes die, are drained and replaced, and the node serves on. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { Client, putNote, readRoom } from './lib/client.js'
import { allGone, isAlive, kill } from './lib/processes.js'
import { Programs } from './lib/programs.js'
import { withRoomd } from './lib/roomd.js'
import { until } from './lib/wait.js'

const WORKERS = 2
const BACK_OFF_MS = [100, 200, 400, 800, 1600]

async function withPrograms(body) {
  const programs = await Programs.create()
  try {
    await withRoomd({ program: programs.roomd }, (roomd) => body(roomd, programs))
  } finally {
    await programs.remove()
  }
}

/* Somebody comes, is served, and goes; again where a dying process was in the way. */
async function serves(roomd, room = 'r') {
  await until(`${room} served`, async () => {
    const client = await Client.connect(roomd, room)
    assert.equal(await client.push({ diff: putNote(randomUUID()) }), 'commit')
    await client.leave()
    return true
  })
}

const isReady = async (roomd) => (await roomd.get('/readyz')).status === 200

/* The samples of a metric, of all processes or those of one role. */
async function metricOf(roomd, name, role = '') {
  const text = await (await roomd.get('/metrics')).text()
  const samples = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(role))
  return samples.map((line) => Number(line.split(' ').at(-1)))
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0)

async function ownerOf(roomd, room) {
  const redis = await roomd.redis()
  const { owner } = await redis.hash(`roomd:{${room}}`)
  return Number((await redis.hash(`roomd:worker:${owner}`)).pid)
}

/* Times of log lines that match, in ms. */
function timesOf(roomd, pattern) {
  const lines = roomd.log.split('\n').filter((line) => pattern.test(line))
  return lines.map((line) => Date.parse(line.split(' ')[0]))
}

describe('a process that dies', { concurrency: true }, () => {
  for (const name of ['worker-1', 'worker-2', 'gateway-1', 'redis']) {
    test(`is started again: ${name}`, () =>
      withRoomd({}, async (roomd) => {
        await serves(roomd)
        const others = [...roomd.children()].filter(([other]) => other !== name)
        await roomd.replace(name)
        roomd.forgetRedis()
        await until('ready', () => isReady(roomd))
        await serves(roomd)
        await serves(roomd, 'another')
        for (const [other, pid] of others) {
          assert.equal(roomd.children().get(other), pid, `${other} is the same`)
        }
        await roomd.logged('the death', new RegExp(`warn .*process died; starting it again child=${name} `))
      }))
  }

  test('one of two gateways: the other serves on, and nothing of the dead stays', () =>
    withRoomd({ args: ['--gateways', '2'] }, async (roomd) => {
      const clients = await Promise.all(Array.from({ length: 12 }, () => Client.connect(roomd, 'r')))
      const names = ['gateway-1', 'gateway-2']
      const held = await metricOf(roomd, 'roomd_connections')
      assert.equal(held.length, names.length)
      const victim = held[0] >= held[1] ? 0 : 1
      await roomd.replace(names[victim])
      await until('its clients gone', () => clients.filter(({ closed }) => closed).length === held[victim])
      const left = clients.filter(({ closed }) => !closed)
      assert.equal(left.length, held[1 - victim])
      await Promise.all(left.map((client) => client.ping()))
      await serves(roomd)
      /* Each worker with a room has a link from each gateway that has met it, and none from the dead. */
      await until('the links of the dead gone', async () => {
        const atWorkers = sum(await metricOf(roomd, 'roomd_links', 'worker'))
        return atWorkers === sum(await metricOf(roomd, 'roomd_links', 'gateway'))
      })
      await Promise.all(left.map((client) => client.leave()))
    }))

  test('again and again is started after longer and longer', () =>
    withRoomd({}, async (roomd) => {
      const gone = /process died; starting it again child=worker-1 /
      for (let n = 1; n <= BACK_OFF_MS.length; n++) {
        const pid = await roomd.child('worker-1')
        await until('ready', () => isReady(roomd))
        kill(pid)
        await until('its death noticed', () => timesOf(roomd, gone).length === n)
        await serves(roomd, 'meanwhile')
        await until('another', () => (roomd.children().get('worker-1') ?? pid) !== pid)
        const waited = Date.now() - timesOf(roomd, gone).at(-1)
        assert.ok(waited >= BACK_OFF_MS[n - 1] - 1, `restart ${n} after ${waited} ms`)
      }
    }))

  test('by plan, with SIGTERM, is started again without alarm, busy or not', () =>
    withRoomd({}, async (roomd) => {
      const client = await Client.connect(roomd, 'r')
      await client.push({ diff: putNote('1') })
      const owner = await ownerOf(roomd, 'r')
      const workers = await Promise.all(['worker-1', 'worker-2'].map((name) => roomd.child(name)))
      const count = roomd.pids().length
      const left = () => timesOf(roomd, /info .*process has left by plan; starting it again/).length
      for (const [n, pid] of [owner, workers.find((pid) => pid !== owner)].entries()) {
        kill(pid, 'SIGTERM')
        await until('its end', () => !isAlive(pid))
        await until('another', () => roomd.pids().length === count)
        await until('ready', () => isReady(roomd))
        await until('that it was planned', () => left() > n)
      }
      await until('the room again', async () => (await readRoom(roomd, 'r')).documents['note:1'])
      assert.doesNotMatch(roomd.log, /process died/)
    }))
})

describe('SIGHUP', { concurrency: true }, () => {
  test('replaces the workers under old and new clients', () =>
    withRoomd({}, async (roomd) => {
      const keeper = await Client.connect(roomd, 'r')
      await keeper.push({ diff: putNote('1') })
      const before = roomd.children()
      let over = false
      let served = 0
      const visitors = ['a', 'b', 'c'].map(async (room) => {
        while (!over) {
          const client = await Client.open(roomd, room) // the port answers at any time
          await client.handshake().catch(() => {}) // its worker may just have left
          client.drop()
          served++
        }
      })
      kill(roomd.pid, 'SIGHUP')
      await roomd.logged('the end of it', /all workers are replaced ms=\d+/)
      over = true
      await Promise.all(visitors)
      assert.ok(served > 0)
      const after = roomd.children()
      await allGone([...before].filter(([name]) => name.startsWith('worker')).map(([, pid]) => pid))
      assert.deepEqual([...after.keys()].sort(), [...before.keys()].sort())
      for (const name of ['redis', 'gateway-1']) {
        assert.equal(after.get(name), before.get(name))
      }
      assert.equal(await keeper.push({ diff: putNote('2') }), 'commit')
      assert.deepEqual(Object.keys((await readRoom(roomd, 'r')).documents), ['note:1', 'note:2'])
      assert.equal(keeper.closed, null, 'who was there stays connected')
      assert.ok(await isReady(roomd))
      assert.equal((await metricOf(roomd, 'roomd_rooms')).length, WORKERS, 'each slot is shown once')
      assert.doesNotMatch(roomd.log, /process died|does not stop in time/)
    }))

  test('runs what is installed now, and may come again amid it', () =>
    withPrograms(async (roomd, programs) => {
      await serves(roomd)
      await programs.put('roomd-worker', 'breaking-worker')
      kill(roomd.pid, 'SIGHUP')
      await roomd.logged('the beginning', /replacing all workers/)
      kill(roomd.pid, 'SIGHUP')
      await roomd.logged('that it will be done again', /it is done once more after that/)
      await until('two ends', () => roomd.log.match(/all workers are replaced/g)?.length === 2)
      await serves(roomd)
      const redis = await roomd.redis()
      const client = await Client.open(roomd, 'abort')
      await until('the new program at work', async () => (await redis.hash('roomd:{abort}')).crashes)
      client.drop()
    }))

  for (const [what, text, how] of [
    ['exits', '#!/bin/sh\necho broken >&2; exit 3\n', /how="exited with status 3"/],
    ['exits as if all were well', '#!/bin/sh\nexit 0\n', /how="exited with status 0"/],
    ['cannot be executed', '#!/nonexistent/shell\n', /how="could not be started: /],
  ]) {
    test(`with a new worker that ${what} leaves the old ones at work`, () =>
      withPrograms(async (roomd, programs) => {
        const client = await Client.connect(roomd, 'r')
        const before = new Set(roomd.pids())
        await programs.putScript('roomd-worker', text)
        kill(roomd.pid, 'SIGHUP')
        const [line] = await roomd.logged('what is wrong', /error .*a new worker is no good; .*/)
        assert.match(line, how)
        await roomd.logged('the end of it', /no worker was replaced/)
        assert.deepEqual(new Set(roomd.pids()), before)
        assert.equal(await client.push({ diff: putNote('1') }), 'commit')
        await client.leave()
        assert.ok(await isReady(roomd))

        await programs.put('roomd-worker', 'roomd-worker')
        kill(roomd.pid, 'SIGHUP')
        await roomd.logged('the next try', /all workers are replaced/)
        await serves(roomd)
      }))
  }

  test('and SIGTERM amid it: everything ends', () =>
    withPrograms(async (roomd, programs) => {
      await serves(roomd)
      await programs.putScript('roomd-worker', '#!/bin/sh\nkill -STOP $$\n') // never ready
      const before = roomd.pids().length
      kill(roomd.pid, 'SIGHUP')
      await until('the new workers', () => roomd.pids().length === before + WORKERS)
      const pids = roomd.pids()
      kill(roomd.pid, 'SIGTERM')
      await roomd.logged('the first signal', /stopping signal=/)
      const { code } = await roomd.stop('SIGTERM')
      assert.equal(code, 1, 'two had to be killed')
      await allGone(pids)
    }))
})

/* Its children end with it, and what they had is there for whoever comes next: at once, and not when
 * the keys of dead workers have run out. */
describe('a supervisor that is killed', () => {
  test('is followed by another one that serves the rooms at once', () =>
    withRoomd({}, async (roomd) => {
      const client = await Client.connect(roomd, 'demo')
      await client.push({ diff: putNote('kept') })
      const children = roomd.pids()
      const redis = await roomd.redis()
      const earlier = await redis.text('SMEMBERS', 'roomd:workers')
      assert.equal(earlier.length, WORKERS)
      roomd.forgetRedis()
      kill(roomd.pid)
      await roomd.ended()
      await roomd.start()
      await allGone(children)
      const list = await (await roomd.redis()).text('SMEMBERS', 'roomd:workers')
      assert.deepEqual(list.filter((id) => earlier.includes(id)), [])
      assert.equal(list.length, WORKERS)
      const { documents } = await readRoom(roomd, 'demo')
      assert.deepEqual(Object.keys(documents), ['note:kept'])
      assert.doesNotMatch(roomd.log, /link to a worker ended .*error=refused/, 'nobody was sent to the dead')
      for (const id of earlier) {
        assert.match(roomd.log, new RegExp(`a dead worker is taken off the list worker=${id}`))
      }
    }))
})
