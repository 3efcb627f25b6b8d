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
/* `count`: what the growth of memory is divided by. */
const ROWS = {
  'idle connection, one room': (n) => ({ load: { rooms: 1, clients: n }, count: n }),
  'idle connection, a room each': (n) => ({ load: { rooms: n, clients: 1 }, count: n }),
  'empty room': (n) => ({ load: { rooms: n, clients: 1, leave: true }, count: n }),
  shape: (n) => ({ load: { rooms: 1, clients: 1, prefill: 4 * n }, count: 4 * n }),
}
/* It drops a room with its last session. */
const cannot = (server, row) => server === 'original' && row === 'empty room'

export function cases({ quick, has }) {
  const many = quick ? 1000 : 5000
  const measures = (server, row) => has(server) && !cannot(server, row) && !(quick && server === 'roomd msgpack')
  return Object.keys(ROWS).flatMap((row) =>
    Object.keys(SERVERS)
      .filter((server) => measures(server, row))
      .map((server) => ({ row, server, measure: () => measure(server, ROWS[row](many)) })),
  )
}

/* As it is after a while, garbage collected where there is any. */
async function settled(running) {
  if (running.name === 'original') {
    process.kill(running.pid, 'SIGUSR2')
  }
  await pause(500)
  return running.memory()
}

async function measure(server, { load, count }) {
  const running = await SERVERS[server]()
  try {
    await applyLoad(running, { ...CALM, rooms: 1, clients: 20, prefill: 20 })
    const before = await settled(running)
    let during
    const run = await applyLoad(running, { ...CALM, ...load, seconds: 2 }, {
      on: { begin: () => (during = settled(running)) },
    })
    const after = await during
    const parts = Object.fromEntries(
      Object.entries(after.parts).map(([name, bytes]) => [name, (bytes - (before.parts[name] ?? 0)) / count]),
    )
    return {
      bytes: (after.total - before.total) / count,
      parts,
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
    `before that, all processes, MiB`,
    table(['', ...servers], [['nothing but 20 connections, gone', ...idle]]),
    `bytes of each by process, first run`,
    table(['', 'processes'], parts),
  ].join('\n\n')
}
