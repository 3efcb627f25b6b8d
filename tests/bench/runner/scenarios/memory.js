/* What is there costs memory: connections, rooms, shapes. All processes of a server together, what they
 * share counted once; the kernel's buffers apart. */
import { setTimeout as pause } from 'node:timers/promises'
import { applyLoad } from '../load.js'
import { short, sorted, spread, table } from '../numbers.js'
import { original, roomd } from '../servers.js'

export const about = 'memory of an idle connection, an empty room, a shape'

const KEEP = ['--unload-after', '86400']
const SERVERS = {
  roomd: () => roomd({ args: KEEP }),
  'roomd msgpack': () => roomd({ args: KEEP, encoding: 'msgpack' }),
  original: () => original(),
}
const CALM = { rate: 0, warm: 1, seconds: 1, connecting: 50 }
const SHAPE_ROOMS = 10 // so that what one room's tables happen to have in reserve is evened out
/* A gateway remembers a room for 5 s after the last has left, and freed memory is given back every 10 s. */
const REST_S = 20
/* `count`: what the growth of memory is divided by; `rest`: for how many seconds nobody looks. */
const ROWS = {
  'idle connection, one room': (n) => ({ load: { rooms: 1, clients: n }, count: n }),
  'idle connection, a room each': (n) => ({ load: { rooms: n, clients: 1 }, count: n }),
  'empty room': (n) => ({ load: { rooms: n, clients: 1, leave: true }, count: n, rest: REST_S }),
  shape: (n) => ({ load: { rooms: SHAPE_ROOMS, clients: 1, prefill: (4 * n) / SHAPE_ROOMS }, count: 4 * n }),
}
/* It drops a room with its last session. */
const cannot = (server, row) => server === 'original' && row === 'empty room'

export function cases({ quick, has }) {
  const many = quick ? 1000 : 5000
  const rows = Object.keys(ROWS).filter((row) => !quick || ['idle connection, a room each', 'shape'].includes(row))
  const measures = (server, row) => has(server) && !cannot(server, row) && !(quick && server === 'roomd msgpack')
  return rows.flatMap((row) =>
    Object.keys(SERVERS)
      .filter((server) => measures(server, row))
      .map((server) => ({ row, server, measure: () => measure(server, ROWS[row](many), quick ? 2 : 10) })),
  )
}

/* As it is when it has not changed for a second, garbage collected where there is any; at the latest
 * after so many seconds. It is not looked at before `rest` seconds. */
async function settled(running, seconds, rest = 0) {
  await pause(rest * 1000)
  const SAME = 64 << 10
  let [last, calm] = [running.memory(), 0]
  for (const end = performance.now() + seconds * 1000; calm < 2 && performance.now() < end; ) {
    if (running.name === 'original') {
      process.kill(running.pid, 'SIGUSR2')
    }
    await pause(500)
    const now = running.memory()
    calm = Math.abs(now.total - last.total) < SAME ? calm + 1 : 0
    last = now
  }
  return { ...last, heaps: await running.heaps() }
}

async function measure(server, { load, count, rest = 0 }, seconds) {
  const running = await SERVERS[server]()
  try {
    await applyLoad(running, { ...CALM, rooms: 1, clients: 20, prefill: 20 })
    const before = await settled(running, seconds)
    let during
    const run = await applyLoad(running, { ...CALM, ...load, seconds: seconds + rest + 1 }, {
      on: { begin: () => (during = settled(running, seconds, rest)) },
    })
    const after = await during
    const each = (now, then) => Object.fromEntries(Object.entries(now).map(([name, bytes]) => [name, (bytes - (then[name] ?? 0)) / count]))
    const heaps = each(after.heaps, before.heaps)
    return {
      bytes: (after.total - before.total) / count,
      parts: each(after.parts, before.parts),
      heap: Object.keys(heaps).length ? Object.values(heaps).reduce((sum, x) => sum + x, 0) : NaN,
      idle: before.total,
      json: run.shape_json,
      msgpack: run.shape_msgpack,
      closed: load.leave ? 0 : run.closed,
      wrong: run.wrong,
      failure: run.failure,
    }
  } finally {
    await running.stop()
  }
}

export function report(results) {
  const { servers, rows, of } = sorted(results, Object.keys(SERVERS))
  const lines = rows.map((row) => [row, ...servers.map((server) => spread(of(row, server).map(({ bytes }) => bytes)))])
  const idle = servers.map((server) =>
    spread(results.filter((one) => one.server === server).map(({ figures }) => figures.idle / (1 << 20))),
  )
  const { json, msgpack } = results[0]?.figures ?? {}
  const parts = results
    .filter(({ run }) => run === 0)
    .map(({ row, server, figures }) => [
      `${row}, ${server}`,
      Object.entries(figures.parts)
        .filter(([, bytes]) => Math.abs(bytes) >= 1)
        .map(([name, bytes]) => `${name} ${short(bytes)}`)
        .join(', '),
    ])
  return [
    `bytes of each, all processes (a shape is ${json} bytes in JSON, ${msgpack} in msgpack)`,
    table(['', ...servers], lines),
    'bytes of each that are allocated, without Redis and without what the allocator keeps free',
    table(['', ...servers], rows.map((row) => [row, ...servers.map((server) => spread(of(row, server).map(({ heap }) => heap ?? NaN)))])),
    `before that, all processes, MiB`,
    table(['', ...servers], [['nothing but 20 connections, gone', ...idle]]),
    `bytes of each by process, first run`,
    table(['', 'processes'], parts),
  ].join('\n\n')
}
