/* What a client that joins a big room costs, how long it waits, and what others notice of it. */
import { applyLoad } from '../load.js'
import { short, sorted, spread, table } from '../numbers.js'
import { original, roomd } from '../servers.js'

export const about = 'joining a room with 10,000 shapes'

const SHAPES = 10000
const MANY = 100000 // 50 MB of JSON
const SERVERS = {
  roomd: () => roomd(),
  'roomd msgpack': () => roomd({ encoding: 'msgpack' }),
  original: () => original(),
}
const ALONE = { rooms: 1, clients: 0, readers: 1, rate: 0, warm: 1, seconds: 0.1 }
const OTHERS = { rooms: 20, clients: 10, rate: 10, warm: 2, seconds: 5 }
const ROWS = {
  'one at a time': { ...ALONE, joins: 1, joinRounds: 12 },
  '20 at once': { ...ALONE, joins: 20, joinRounds: 3 },
  '50 MB': { ...ALONE, joins: 1, joinRounds: 4, joinPrefill: MANY },
  'others alone': OTHERS,
  'others meanwhile': { ...OTHERS, joins: 1, joinRounds: 12 },
  'others, 50 MB': { ...OTHERS, joins: 1, joinRounds: 4, joinPrefill: MANY },
}
/* Until such a room is there, the original takes longer than all else. */
const bears = (server, { joinPrefill }) => server !== 'original' || joinPrefill !== MANY

export function cases({ quick, has }) {
  const rows = Object.entries(ROWS).filter(([name]) => !quick || ['one at a time', '20 at once'].includes(name))
  return rows.flatMap(([row, load]) =>
    Object.keys(SERVERS)
      .filter((server) => has(server) && bears(server, load))
      .map((server) => ({
        row,
        server,
        async measure() {
          const running = await SERVERS[server]()
          try {
            const joinRounds = quick && load.joins ? Math.ceil(load.joinRounds / 2) : load.joinRounds
            return figuresOf(await applyLoad(running, { joinPrefill: SHAPES, ...load, joinRounds }))
          } finally {
            await running.stop()
          }
        },
      })),
  )
}

function figuresOf(run) {
  return {
    cpuMs: (run.cpu.total * 1000) / run.join.count,
    parts: Object.fromEntries(Object.entries(run.cpu.parts).map(([name, s]) => [name, (s * 1000) / run.join.count])),
    waitP50: run.join.p50 / 1000,
    waitMax: run.join.max / 1000,
    megabytes: run.join_bytes / 1e6,
    deliveryP50: run.delivery.p50 / 1000,
    deliveryP99: run.delivery.p99 / 1000,
    deliveryMax: run.delivery.max / 1000,
    wrong: run.wrong,
    closed: run.closed,
    failure: run.failure,
    generator: { cores: run.cpu_seconds / run.seconds, lateP99: run.lateness.p99 / 1000 },
  }
}

export function report(results) {
  const { servers, of } = sorted(results, Object.keys(SERVERS))
  const cell = (row, field) => (server) => spread(of(row, server).map((figures) => figures[field]))
  const share = (row, field) => (server) =>
    spread(of(row, server).map((figures, i) => figures[field] / of(row, 'original')[i]?.[field]))
  const lines = ['one at a time', '20 at once', '50 MB'].flatMap((row) => [
    [`${row}: CPU for each, ms`, ...servers.map(cell(row, 'cpuMs'))],
    ['  of the original', ...servers.map(share(row, 'cpuMs'))],
    [`${row}: until the last byte, ms, median`, ...servers.map(cell(row, 'waitP50'))],
    ['  of the original', ...servers.map(share(row, 'waitP50'))],
    [`${row}: until the last byte, ms, worst`, ...servers.map(cell(row, 'waitMax'))],
  ])
  const size = ['size of the reply, MB', ...servers.map((name) => short(of('one at a time', name)[0]?.megabytes))]
  const others = [
    ['p50 in other rooms, alone', ...servers.map(cell('others alone', 'deliveryP50'))],
    ['p50 in other rooms, meanwhile', ...servers.map(cell('others meanwhile', 'deliveryP50'))],
    ['p99 in other rooms, alone', ...servers.map(cell('others alone', 'deliveryP99'))],
    ['p99 in other rooms, meanwhile', ...servers.map(cell('others meanwhile', 'deliveryP99'))],
    ['p99 in other rooms, 50 MB meanwhile', ...servers.map(cell('others, 50 MB', 'deliveryP99'))],
    ['worst in other rooms, alone', ...servers.map(cell('others alone', 'deliveryMax'))],
    ['worst in other rooms, meanwhile', ...servers.map(cell('others meanwhile', 'deliveryMax'))],
    ['worst in other rooms, 50 MB meanwhile', ...servers.map(cell('others, 50 MB', 'deliveryMax'))],
  ]
  const parts = results
    .filter(({ run, row }) => run === 0 && !row.startsWith('others'))
    .map(({ row, server, figures }) => [
      `${row}, ${server}`,
      Object.entries(figures.parts)
        .filter(([, ms]) => ms > 0.05)
        .map(([name, ms]) => `${name} ${short(ms)}`)
        .join(', '),
    ])
  return [
    table(['', ...servers], [...lines, size]),
    `push to delivery in 20 x 10 x 10 while one after the other joins, ms`,
    table(['', ...servers], others),
    `CPU for each by process, first run, ms`,
    table(['', 'processes'], parts),
  ].join('\n\n')
}
