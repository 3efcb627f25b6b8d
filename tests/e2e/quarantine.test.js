/* A room that brings workers down is found out, kept from everybody, and let in again; others do not
 * suffer, and no room is blamed for what somebody did to a worker. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { Client, putNote, readRoom } from './lib/client.js'
import { isAlive, kill } from './lib/processes.js'
import { Programs } from './lib/programs.js'
import { keyOf } from './lib/redis.js'
import { RedisServer } from './lib/redis_server.js'
import { withRoomd } from './lib/roomd.js'
import { until } from './lib/wait.js'

const CRASHES = 3
const QUARANTINE_S = 300
const PROCESSES = 4 // Redis, two workers, a gateway
const TRY_LATER = 1013

async function withBreakingWorkers(args, body) {
  const programs = await Programs.create({ 'roomd-worker': 'breaking-worker' })
  try {
    await withRoomd({ program: programs.roomd, args }, async (roomd) =>
      body(roomd, await roomd.redis()),
    )
  } finally {
    await programs.remove()
  }
}

/* Comes to the room, again whenever it is sent away, until `enough` of the room's hash. */
async function visit(roomd, redis, room, enough) {
  let client = null
  try {
    return await until(`enough of ${room}`, async () => {
      client = client && !client.closed ? client : await Client.open(roomd, room)
      const hash = await redis.hash(keyOf(room))
      return enough(hash) && hash
    })
  } finally {
    client?.drop()
  }
}

async function fill(roomd, room) {
  const client = await Client.connect(roomd, room)
  await client.push({ diff: putNote('1') })
  await client.leave()
}

async function works(roomd, room) {
  await until(`${room} again`, async () => (await readRoom(roomd, room)).documents['note:1'])
}

const nowOf = async (redis) => Number((await redis.text('TIME'))[0])

describe('quarantine', { concurrency: true }, () => {
  const deaths = {
    'abort {me}%': /^\S+-w\d-\S+ was killed by signal 6 \(Aborted\)$/,
    'exit from me': /^\S+-w\d-\S+ exited with status 7$/,
    'hang in me': /^\S+-w\d-\S+ hung and was killed by signal 6 \(Aborted\)$/,
  }
  for (const [room, reason] of Object.entries(deaths)) {
    test(`of a room that its workers die of: ${room}`, () =>
      withBreakingWorkers(['--hang-after', '1'], async (roomd, redis) => {
        await fill(roomd, 'other')
        const hash = await visit(roomd, redis, room, ({ quarantined_until }) => quarantined_until)
        assert.equal(hash.crashes, String(CRASHES))
        assert.equal(hash.crash_times.split(' ').length, CRASHES)
        assert.match(hash.crash_reason, reason)
        assert.match(hash.crashed, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
        const left = Number(hash.quarantined_until) - (await nowOf(redis))
        assert.ok(left > QUARANTINE_S - 30 && left <= QUARANTINE_S, `${left} s`)
        await roomd.logged('the crash', /error supervisor room=.*: a worker died in this room; .*crashes=1 /)
        await roomd.logged('the quarantine', /error supervisor room=.*: room is quarantined: .* until=\d{4}-.* to_release="roomctl release '\w/)
        await works(roomd, 'other')

        await until('all processes', () => roomd.pids().length === PROCESSES)
        const before = new Set(roomd.pids())
        const visitor = await Client.open(roomd, room)
        visitor.send({ type: 'ping' })
        assert.equal((await visitor.close()).code, TRY_LATER)
        assert.deepEqual(new Set(roomd.pids()), before, 'no worker has died of it')

        await redis.text('HDEL', keyOf(room), 'quarantined_until', 'crashes')
        const again = await visit(roomd, redis, room, ({ crashes }) => crashes)
        assert.ok(Number(again.crashes) < CRASHES, 'the count starts over')
        assert.equal((await redis.hash('roomd:{other}')).crashes, undefined)
      }))
  }

  test('is not for a room whose worker somebody kills', () =>
    withBreakingWorkers([], async (roomd, redis) => {
      await fill(roomd, 'r')
      /* A sanitizer would report some of them as its own finding. */
      const deadly = process.env.E2E_SANITIZED ? ['SIGABRT'] : ['SIGABRT', 'SIGSEGV', 'SIGBUS']
      const signals = ['SIGKILL', 'SIGKILL', ...deadly, 'SIGKILL', 'SIGKILL']
      for (const signal of signals) {
        await works(roomd, 'r')
        const { owner } = await redis.hash('roomd:{r}')
        const pid = Number((await redis.hash(`roomd:worker:${owner}`)).pid)
        kill(pid, signal)
        await until('its end', () => !isAlive(pid))
      }
      await works(roomd, 'r')
      const died = () => roomd.log.match(/process died; starting it again/g)?.length
      await until('all deaths', () => died() === signals.length)
      const { crashes, quarantined_until } = await redis.hash('roomd:{r}')
      assert.deepEqual({ crashes, quarantined_until }, { crashes: undefined, quarantined_until: undefined })
      assert.doesNotMatch(roomd.log, /a worker died in this room/)
    }))
})

describe('quarantine.lua', () => {
  const path = new URL('../../proto/lua/quarantine.lua', import.meta.url)

  async function withRedis(body) {
    const server = await RedisServer.start()
    const redis = await server.connect()
    const script = await readFile(path, 'utf8')
    const count = () => redis.text('EVAL', script, 1, 'k', 'now', 'why', CRASHES, 60, QUARANTINE_S)
    try {
      await body(redis, count)
    } finally {
      redis.close()
      await server.stop()
    }
  }

  test('counts what is within the window, oldest first', () =>
    withRedis(async (redis, count) => {
      const now = await nowOf(redis)
      await redis.text('HSET', 'k', 'crashes', 3, 'crash_times', `${now - 90} ${now - 61} ${now - 30}`)
      assert.deepEqual(await count(), [2, 0])
      const [crashes, until] = await count()
      assert.equal(crashes, 3)
      assert.ok(until >= now + QUARANTINE_S && until <= now + QUARANTINE_S + 30)
      assert.equal((await redis.hash('k')).quarantined_until, String(until))
      assert.equal((await count())[0], 3, 'no more are kept than matter')
      assert.equal((await redis.hash('k')).crash_times.split(' ').length, 3)
    }))

  test('a release forgets', () =>
    withRedis(async (redis, count) => {
      await count()
      await count()
      assert.ok((await count())[1] > 0)
      await redis.text('HDEL', 'k', 'quarantined_until', 'crashes')
      assert.deepEqual(await count(), [1, 0])
      assert.equal((await redis.hash('k')).quarantined_until, undefined)
    }))
})
