/* 100,000 rooms opened and closed, 100,000 sessions, workers killed amid them: nothing grows. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client } from '../e2e/lib/client.js'
import { isAlive, kill } from '../e2e/lib/processes.js'
import { Roomd } from '../e2e/lib/roomd.js'
import { until } from '../e2e/lib/wait.js'
import { visit } from './lib/crowd.js'
import { memory, metrics, sumOf } from './lib/figures.js'
import { askAll, checkKeys } from './lib/keys.js'

const ROOMS = Number(process.env.SOAK_ROOMS ?? 100_000)
const SESSIONS = Number(process.env.SOAK_SESSIONS ?? 100_000)
const ROUNDS = Number(process.env.SOAK_ROUNDS ?? 4) // of sessions, each with a worker killed amid it
const WARM_UP = 0.2 // the share after which nothing may grow any more

/* Those that nobody kills. worker-1 is what dies, so worker-2 is where its rooms go. */
const WITNESSES = ['supervisor', 'gateway-1', 'worker-2']
/* Per process, between the warm-up and the end. glibc counts some freed blocks of each size as
 * allocated (at most 230 KiB, nearly all of it after the warm-up already). One forgotten block of the smallest size for each of 80,000 rooms is 2.5 MB. */
const HEAP_GROWTH = 128 << 10
/* Per process, between its start and the end, when freed memory has been given back: up to 1 MiB is
 * kept, and what the program itself has touched is in it. A crowd takes several times as much. */
const RESIDENT_GROWTH = 12 << 20
/* Kept for 30 s: who pushed lately. Then freed memory is given back six times a minute. */
const REST_MS = 60_000
/* All at once, each in a room of its own, and then nobody. */
const PEAK = { visits: 3000, open: 3000, rooms: 3000, 'stay-every': 1, 'stay-ms': 5000, 'push-every': 1 }
const PEAK_HEAP = 2 << 20 // at least, of those whom it concerns
/* What an unloaded room of one record takes in Redis (proto/redis.md). */
const ROOM_BYTES = 2000

const HALLS = 8 // rooms that many sessions pass through
const home = (i) => `home${i}`

function resident(roomd, i) {
  return Client.connect(roomd, home(i), { session: `resident ${i}` })
}

/* Kills worker-1 when it has sessions. */
async function killAmid(roomd) {
  const pid = await until('worker-1 with sessions', async () => {
    const samples = (await metrics(roomd)).filter(({ process }) => process === 'worker-1')
    return sumOf(samples, 'roomd_sessions') > 0 && roomd.children().get('worker-1')
  })
  kill(pid)
}

describe('after as many rooms and sessions as one likes', { concurrency: false }, () => {
  let roomd
  let fresh // memory at the start,
  let warm // after the warm-up,
  let peak // and when there are more people than ever
  let residents = []
  let kills = 0

  /* All visits have to succeed, at the first attempt, although a worker is killed amid them. */
  async function visits(...crowds) {
    const under_way = crowds.map((options) =>
      visit(roomd, { open: 200, 'push-every': 5, 'presence-every': 50, ...options }),
    )
    const [...results] = await Promise.all([...under_way, killAmid(roomd)])
    kills++
    crowds.forEach((options, i) => {
      const { failed, failure, again, visits: made } = results[i]
      assert.equal(failed, 0, failure)
      assert.equal(made, options.visits)
      assert.equal(again, 0, 'nobody is sent away')
    })
  }

  /* Only residents are left. */
  function quiet() {
    const wanted = { roomd_rooms: residents.length, roomd_sessions: residents.length }
    return until('rooms and sessions gone', async () => {
      const samples = await metrics(roomd)
      return (
        Object.entries(wanted).every(([name, count]) => sumOf(samples, name) === count) &&
        sumOf(samples, 'roomd_connections') === residents.length
      )
    })
  }

  function openRooms(prefix, count) {
    return visits({ visits: count, rooms: count, prefix })
  }

  /* Half of them through the residents' rooms, half through rooms of the round's own. */
  async function passThrough(prefix, count, rounds) {
    const some = { visits: Math.floor(count / rounds / 2), rooms: HALLS, 'stay-every': 20, 'stay-ms': 500 }
    for (let round = 0; round < rounds; round++) {
      await visits({ ...some, prefix: 'home' }, { ...some, prefix: `${prefix}${round}-` })
    }
  }

  /* Returns the memory of when all are there. */
  async function comeAtOnce(prefix) {
    const crowd = visit(roomd, { prefix, ...PEAK })
    await until('all of them', async () => sumOf(await metrics(roomd), 'roomd_sessions') >= PEAK.visits)
    const then = await memory(roomd, WITNESSES)
    const { failed, failure } = await crowd
    assert.equal(failed, 0, failure)
    return then
  }

  /* What a worker's death left behind is as good as the rest when somebody comes. */
  async function lookInto(rooms) {
    const clients = await Promise.all(rooms.map((name) => Client.connect(roomd, name)))
    clients.forEach(({ documents }) => assert.ok(Object.keys(documents).length <= 1))
    await Promise.all(clients.map((client) => client.leave()))
    const redis = await roomd.redis()
    await until('rooms given up', async () => {
      const owners = await askAll(redis, rooms, (r, name) => r.text('HGET', `roomd:{${name}}`, 'owner'))
      return owners.every((owner) => owner === null)
    })
    await quiet()
  }

  before(async () => {
    roomd = await Roomd.start({ args: ['--unload-after', '0', '--idle-timeout', '0'] })
    fresh = await memory(roomd, WITNESSES)
    residents = await Promise.all(Array.from({ length: HALLS }, (_, i) => resident(roomd, i)))
    await openRooms('warm-', ROOMS * WARM_UP)
    await passThrough('warmhall', SESSIONS * WARM_UP, 1)
    await comeAtOnce('warmpeak')
    await quiet()
    warm = await memory(roomd, WITNESSES)
  })

  after(async () => {
    residents.forEach((client) => client.drop())
    await roomd?.finish()
  })

  test('everybody who came was served, and who stayed was never cut off', async (t) => {
    await openRooms('room-', ROOMS * (1 - WARM_UP))
    await passThrough('hall', SESSIONS * (1 - WARM_UP), ROUNDS)
    await quiet()
    assert.deepEqual([...new Set(residents.map(({ closed }) => closed))], [null])
    const resumes = sumOf(await metrics(roomd), 'roomd_resumes_total')
    assert.ok(resumes > 0, 'sessions were taken over')
    t.diagnostic(`workers killed: ${kills}; sessions taken over by worker-2: ${resumes}`)
  })

  test('Redis has the documented keys and no others', async (t) => {
    const redis = await roomd.redis()
    const workers = await liveWorkers(roomd)
    const loaded = new Set(residents.map((_, i) => home(i)))
    const { unloaded, left } = await checkKeys(redis, { loaded, workers })
    assert.equal(unloaded.length + left.length, ROOMS + HALLS * (1 + ROUNDS) + PEAK.rooms)

    const some = unloaded.filter((name) => name.startsWith('room-')).slice(0, 1000)
    const sizes = await askAll(redis, some, async (r, name) => {
      const hash = await r.text('MEMORY', 'USAGE', `roomd:{${name}}`)
      return { hash, all: hash + (await r.text('MEMORY', 'USAGE', `roomd:{${name}}:snapshot`)) }
    })
    const mean = (of) => Math.round(sizes.reduce((sum, size) => sum + of(size), 0) / sizes.length)
    t.diagnostic(`bytes in Redis of a room: hash ${mean((s) => s.hash)}, with snapshot ${mean((s) => s.all)}`)
    assert.ok(mean((s) => s.all) <= ROOM_BYTES)
    t.diagnostic(`rooms whose worker was killed and that nobody needed any more: ${left.length}`)
    await lookInto(left.slice(0, 200))
  })

  test('a crowd all at once takes memory', async () => {
    peak = await comeAtOnce('peak')
    for (const name of ['gateway-1', 'worker-2']) {
      assert.ok(peak.get(name).heap > warm.get(name).heap + PEAK_HEAP, `${name} ${JSON.stringify(peak.get(name))}`)
    }
    await quiet()
  })

  test('and nothing of it stays: memory is what it was', async (t) => {
    let grown
    const rested = await until(
      'memory as before',
      async () => {
        const now = await memory(roomd, WITNESSES)
        grown = WITNESSES.filter(
          (name) =>
            now.get(name).heap > warm.get(name).heap + HEAP_GROWTH ||
            now.get(name).rss > fresh.get(name).rss + RESIDENT_GROWTH ||
            now.get(name).pss > fresh.get(name).pss + RESIDENT_GROWTH,
        ).map((name) => `${name} ${JSON.stringify({ fresh, warm, now }, (_, value) => (value instanceof Map ? value.get(name) : value))}`)
        return grown.length === 0 && now
      },
      REST_MS,
    ).catch((error) => assert.fail(`${error.message}: ${grown.join(', ')}`))
    const kib = (bytes) => `${Math.round(bytes / 1024)} KiB`
    for (const name of WITNESSES) {
      const [at0, at1, at2, end] = [fresh, warm, peak, rested].map((when) => when.get(name))
      t.diagnostic(
        `${name}: heap ${kib(at1.heap)} after the warm-up, ${kib(end.heap)} at the end; ` +
          `RSS ${kib(at0.rss)} at first, ${kib(at2.rss)} with the crowd, ${kib(end.rss)} at the end; ` +
          `PSS ${kib(at0.pss)}, ${kib(end.pss)}`,
      )
    }
  })

  test('figures come back to zero when the last ones leave', async () => {
    await Promise.all(residents.map((client) => client.leave()))
    residents = []
    await quiet()
    /* Counted four times a second, and the rooms' bytes before those are gone that end just then. */
    await until('no bytes', async () => sumOf(await metrics(roomd), 'roomd_room_bytes') === 0)
    const redis = await roomd.redis()
    const homes = Array.from({ length: HALLS }, (_, i) => `roomd:{${home(i)}}`)
    const ask = (command) => Promise.all(homes.map((key) => redis.text(...command(key))))
    assert.deepEqual(new Set(await ask((key) => ['HGET', key, 'owner'])), new Set([null]))
    assert.deepEqual(new Set(await ask((key) => ['EXISTS', `${key}:log`])), new Set([0]))
  })

  test('the log complains of the deaths, and of nothing else', () => {
    const complaints = roomd.log.split('\n').filter((line) => /^\S+ (warn|error) /.test(line))
    const expected = /process died; starting it again|link to a worker ended|cannot reach a worker|another worker answers/
    assert.deepEqual(complaints.filter((line) => !expected.test(line)), [])
    assert.equal(complaints.filter((line) => /process died/.test(line)).length, kills)
  })
})

/* The ids of the workers that run. */
async function liveWorkers(roomd) {
  const redis = await roomd.redis()
  return until('two live workers', async () => {
    const ids = await redis.text('SMEMBERS', 'roomd:workers')
    const hashes = await Promise.all(ids.map((id) => redis.hash(`roomd:worker:${id}`)))
    return ids.length === 2 && hashes.every(({ pid }) => isAlive(Number(pid))) && ids
  })
}
