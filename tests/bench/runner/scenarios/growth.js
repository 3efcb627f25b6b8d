/* Whether a push costs more in a large room, or beside many rooms. */
import { setTimeout as pause } from 'node:timers/promises'
import { applyLoad, figuresOf } from '../load.js'
import { bars, sorted, spread, table } from '../numbers.js'
import { cpuBetween } from '../processes.js'
import { original, roomd } from '../servers.js'

export const about = 'CPU for a push, by the size of its room and by the number of rooms'

const KEEP = ['--unload-after', '86400']
const SERVERS = {
  roomd: () => roomd({ args: KEEP }),
  'roomd msgpack': () => roomd({ args: KEEP, encoding: 'msgpack' }),
  original: () => original(),
}
const RECORDS = [100, 1000, 10000, 100000]
const RESIDENT = [1, 100, 1000, 10000, 50000]
/* One room is pushed to, by few, so that what a push costs is not what telling it costs. */
const LOAD = { rooms: 1, clients: 4, rate: 100, shapes: true, connecting: 50 }
const number = (n) => n.toLocaleString('en')

/* The original drops a room with its last session, and a room of 49 MB is beyond it. */
const bears = (server, { records, resident }) => server !== 'original' || (resident === undefined && records < 100000)

export function cases({ quick, has }) {
  const times = quick ? { warm: 0.5, seconds: 1.5 } : { warm: 2, seconds: 6 }
  const rows = [
    ...RECORDS.map((records) => ({ name: `${number(records)} records`, records })),
    ...RESIDENT.map((resident) => ({ name: `${number(resident)} ${resident > 1 ? 'rooms' : 'room'}`, resident })),
  ]
  const chosen = quick ? rows.filter(({ records }) => [100, 10000].includes(records)) : rows
  return chosen.flatMap((row) =>
    Object.keys(SERVERS)
      .filter((server) => has(server) && bears(server, row) && !(quick && server !== 'roomd'))
      .map((server) => ({ row: row.name, server, measure: () => measure(server, row, times) })),
  )
}

/* Waits, a minute at most, until what was done before is over: sessions that wait for their return,
 * snapshots of rooms that have become empty. Returns what share of a core it then takes to keep rooms. */
async function calm(running) {
  const SECONDS = 3
  let cores = Infinity
  for (let last = running.cpu(), waited = 0; waited < 60; waited += SECONDS) {
    await pause(SECONDS * 1000)
    const now = running.cpu()
    const before = cores
    cores = cpuBetween(last, now).total / SECONDS
    last = now
    if (waited >= 2 * SECONDS && cores > before * 0.8) {
      break
    }
  }
  return cores
}

async function measure(server, { records = 0, resident = 1 }, times) {
  const running = await SERVERS[server]()
  try {
    let idle
    if (resident > 1) {
      await applyLoad(running, { rooms: resident - 1, clients: 1, rate: 0, leave: true, warm: 0, seconds: 0.5 })
      idle = await calm(running)
    }
    return { ...figuresOf(await applyLoad(running, { ...LOAD, prefill: records, ...times })), idle }
  } finally {
    await running.stop()
  }
}

export function report(results) {
  const { servers, rows, of } = sorted(results, Object.keys(SERVERS))
  const first = (row) => (row.endsWith('records') ? rows.find((one) => one.endsWith('records')) : rows.find((one) => /rooms?$/.test(one)))
  const cell = (pick) => (row) => [row, ...servers.map((name) => (of(row, name).length ? spread(of(row, name).map(pick)) : '-'))]
  const ratio = (row) => [
    row,
    ...servers.map((name) => spread(of(row, name).map(({ usPush }, i) => usPush / of(first(row), name)[i]?.usPush))),
  ]
  const worker = (row) => [
    row,
    ...servers.map((name) => spread(of(row, name).map((one) => ((one.usParts['worker-1'] ?? NaN) * one.offered) / one.sent))),
  ]
  const head = ['one room of 4 x 100 shape moves per second', ...servers]
  return [
    'us of CPU per push, all processes',
    table(head, rows.map(cell(({ usPush }) => usPush))),
    'times that of the smallest, in the same run',
    table(head, rows.map(ratio)),
    'us of CPU per push, the worker alone',
    table(head, rows.map(worker)),
    'cores that were busy before the pushes, by keeping the rooms',
    table(head, rows.filter((row) => /rooms$/.test(row)).map(cell(({ idle }) => idle))),
    'push to result, ms, p99',
    table(head, rows.map(cell(({ resultP99 }) => resultP99))),
  ].join('\n\n')
}

export function plots(results) {
  return [
    bars(results, Object.keys(SERVERS), ({ usPush }) => usPush, {
      file: 'growth.svg',
      title: 'CPU for a push of a shape, by records in its room and by resident rooms',
      y: 'us, all processes of the server',
    }),
  ]
}
