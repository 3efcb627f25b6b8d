/* How soon a server is there: from exec to ready with a Redis that runs and has rooms; and from the end
 * of a worker by SIGKILL until all who pushed to its rooms have an answer. */
import { applyLoad } from '../load.js'
import { median, short, sorted, spread, table } from '../numbers.js'
import { redis, roomd } from '../servers.js'

export const about = 'exec to ready with a warm Redis, and 1,000 rooms after the kill of their worker'

const STARTS = 'exec to ready'
const CRASH = 'worker killed'
const ROOMS = 1000
const SHAPES = 20 // in each room
const SERVERS = { roomd: () => roomd(), 'roomd msgpack': () => roomd({ encoding: 'msgpack' }) }

export function cases({ quick, has }) {
  const names = Object.keys(SERVERS).filter((server) => has(server) && !(quick && server !== 'roomd'))
  return [
    ...names.filter((server) => server === 'roomd').map((server) => ({ row: STARTS, server, measure: () => measureStarts(quick ? 3 : 20) })),
    ...names.map((server) => ({ row: CRASH, server, measure: () => measureCrash(server, quick) })),
  ]
}

/* The Redis is another process, which stays; before the first one counts it has got rooms. */
async function measureStarts(times) {
  const store = await redis()
  try {
    const args = ['--redis', store.url]
    const first = await roomd({ args })
    await applyLoad(first, { rooms: 100, clients: 1, rate: 0, prefill: SHAPES, warm: 0, seconds: 0.2 })
    await first.stop()
    const all = []
    for (let i = 0; i < times; i++) {
      const one = await roomd({ args })
      all.push(one.startMs)
      await one.stop()
    }
    return { p50: median(all), worst: Math.max(...all), times }
  } finally {
    await store.stop()
  }
}

/* A client in each room pushes when the worker is gone, and seldom before and after. */
async function measureCrash(server, quick) {
  const running = await SERVERS[server]()
  let recovered
  try {
    const load = { rooms: ROOMS, clients: 1, rate: 0.2, shapes: true, prefill: SHAPES, warm: quick ? 0 : 1, seconds: quick ? 2 : 6, drain: 10, audit: true }
    const run = await applyLoad(running, load, {
      on: {
        begin: (_said, generator) => {
          process.kill(running.child('worker-1'), 'SIGKILL')
          generator.kill('SIGUSR1')
        },
        recovered: ({ us }) => (recovered = us / 1000),
      },
    })
    return {
      recovered: recovered ?? Infinity,
      unanswered: run.unanswered,
      missing: run.missing,
      audited: run.audited,
      closed: run.closed,
      wrong: run.wrong,
      failure: run.failure,
    }
  } finally {
    await running.stop()
  }
}

export function report(results) {
  const { servers, of } = sorted(results, Object.keys(SERVERS))
  const cell = (row, pick) => (name) => (of(row, name).length ? spread(of(row, name).map(pick)) : '-')
  return table(
    ['', ...servers],
    [
      [`exec to ready, ms, median of ${of(STARTS, 'roomd')[0]?.times ?? '-'}`, ...servers.map(cell(STARTS, ({ p50 }) => p50))],
      ['  worst', ...servers.map(cell(STARTS, ({ worst }) => worst))],
      [`${short(ROOMS)} rooms after the kill: all have an answer, ms`, ...servers.map(cell(CRASH, ({ recovered }) => recovered))],
      ['  pushes without an answer', ...servers.map(cell(CRASH, ({ unanswered }) => unanswered))],
      ['  shapes not where it was acknowledged', ...servers.map(cell(CRASH, ({ missing }) => missing))],
      ['    of', ...servers.map(cell(CRASH, ({ audited }) => audited))],
    ],
  )
}
