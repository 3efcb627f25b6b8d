/* Stopping: clients are told to come back, rooms are written, nothing stays behind. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Client, putNote } from './lib/client.js'
import { allGone, kill } from './lib/processes.js'
import { RawSocket } from './lib/raw.js'
import { RedisServer } from './lib/redis_server.js'
import { withRoomd } from './lib/roomd.js'

const ROOMS = ['a', 'b', 'c d/é']
const CLIENTS = 4 // in each
const HURRY_MS = 8000 // a second signal allows three groups 0.7 s each

/* Clients that each have stored a note. */
async function fill(roomd) {
  const opened = ROOMS.flatMap((room) =>
    Array.from({ length: CLIENTS }, async (_, i) => {
      const client = await Client.connect(roomd, room, { binary: i % 2 === 1 })
      assert.equal(await client.push({ diff: putNote(String(i)) }), 'commit')
      return client
    }),
  )
  return Promise.all(opened)
}

/* What roomd's Redis holds when nobody runs any more. */
async function stored(roomd, body) {
  const server = await RedisServer.start({ folder: join(roomd.data, 'redis') })
  const redis = await server.connect()
  try {
    await body(redis)
  } finally {
    redis.close()
    await server.stop()
  }
}

describe('stopping', { concurrency: true }, () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    test(`${signal} sends clients away with 1012 and writes all rooms`, () =>
      withRoomd({}, async (roomd) => {
        const clients = await fill(roomd)
        const pids = [...roomd.children().values()]
        assert.equal(pids.length, 4, 'redis, two workers, a gateway')
        const { code, stdout } = await roomd.stop(signal)
        assert.equal(code, 0, roomd.log)
        assert.match(stdout, /^roomd ready on http:\/\/127\.0\.0\.1:\d+\n$/)
        for (const client of clients) {
          assert.equal((await client.close()).code, 1012)
        }
        await allGone(pids)
        await stored(roomd, async (redis) => {
          for (const room of ROOMS) {
            const { clock, snapshot_clock, records, owner } = await redis.hash(`roomd:{${room}}`)
            assert.deepEqual(
              { clock, snapshot_clock, records },
              { clock: '4', snapshot_clock: '4', records: '4' },
            )
            assert.equal(owner, undefined)
            assert.equal(await redis.text('EXISTS', `roomd:{${room}}:snapshot`), 1)
            assert.equal(await redis.text('EXISTS', `roomd:{${room}}:log`), 0)
          }
          assert.deepEqual(await redis.text('KEYS', 'roomd:worker:*'), [])
        })
      }))
  }

  test('a killed supervisor leaves no process behind', () =>
    withRoomd({ args: ['--gateways', '2'] }, async (roomd) => {
      await fill(roomd)
      const pids = [...roomd.children().values()]
      assert.equal(pids.length, 5)
      kill(roomd.pid)
      await roomd.ended()
      await allGone(pids)
    }))

  test('a client that answers nothing does not hold it up', () =>
    withRoomd({}, async (roomd) => {
      const mute = await RawSocket.upgrade(roomd, 'a?sessionId=mute')
      const { code } = await roomd.stop()
      assert.equal(code, 0)
      assert.equal(await mute.closed(), 1012)
    }))

  test('a second signal hurries', () =>
    withRoomd({}, async (roomd) => {
      await fill(roomd)
      await RawSocket.upgrade(roomd, 'a?sessionId=mute')
      const started = Date.now()
      kill(roomd.pid, 'SIGTERM')
      await roomd.logged('the first signal', /stopping signal=/)
      await roomd.stop('SIGTERM')
      assert.ok(Date.now() - started < HURRY_MS)
    }))

  test('a Redis that hangs does not hold it up for ever, and the status says so', () =>
    withRoomd({}, async (roomd) => {
      const clients = await fill(roomd)
      const pids = [...roomd.children().values()]
      kill(await roomd.child('redis'), 'SIGSTOP')
      clients.forEach((client) => client.push({ diff: putNote('late') }).catch(() => {}))
      const { code } = await roomd.stop()
      assert.equal(code, 1)
      for (const client of clients) {
        assert.equal((await client.close()).code, 1012)
      }
      await allGone(pids)
    }))
})
