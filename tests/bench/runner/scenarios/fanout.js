/* What a server pays for each update that it brings to another client, and how long that takes. */
import { applyLoad, figuresOf } from '../load.js'
import { bars, median, short, sorted, spread, table } from '../numbers.js'
import { floor, original, roomd } from '../servers.js'

export const about = 'CPU of all processes per update delivered to another client'

/* Bytes of a shape's move in a frame; a cursor's is bench_floor's own default. */
const SHAPE_PATCH = 118

const LOADS = [
  { rooms: 20, clients: 10, rate: 10, quick: true },
  { rooms: 20, clients: 10, rate: 30 },
  { rooms: 50, clients: 10, rate: 30, beyond: true },
  { rooms: 1, clients: 100, rate: 10, quick: true },
  { rooms: 1, clients: 200, rate: 3 },
  { rooms: 1, clients: 200, rate: 30, beyond: true },
  { rooms: 20, clients: 10, rate: 10, shapes: true, quick: true },
]

const SERVERS = {
  floor: (load) => floor({ patchBytes: load.shapes ? SHAPE_PATCH : undefined }),
  roomd: () => roomd(),
  'roomd msgpack': () => roomd({ encoding: 'msgpack' }),
  original: () => original(),
  'original WAL': () => original({ sqlite: true }),
}

const nameOf = ({ rooms, clients, rate, shapes }) => `${rooms} x ${clients} x ${rate}${shapes ? ' shapes' : ''}`

/* Loads that the original cannot bear say nothing of it. */
const bears = (server, load) => !(load.beyond && server.startsWith('original'))

export function cases({ quick, has }) {
  const times = quick ? { warm: 1, seconds: 2 } : { warm: 2, seconds: 6 }
  return LOADS.filter((load) => load.quick || !quick).flatMap((load) =>
    Object.keys(SERVERS)
      .filter((server) => has(server) && bears(server, load))
      .filter((server) => !quick || load.shapes || server !== 'original WAL')
      .map((server) => ({
        row: nameOf(load),
        server,
        async measure() {
          const { rooms, clients, rate, shapes } = load
          const running = await SERVERS[server](load)
          try {
            return figuresOf(await applyLoad(running, { rooms, clients, rate, shapes, ...times }))
          } finally {
            await running.stop()
          }
        },
      })),
  )
}

export function report(results) {
  const { servers, rows, of } = sorted(results, Object.keys(SERVERS))
  const real = servers.filter((name) => name !== 'floor')
  const roomds = servers.filter((name) => name.startsWith('roomd'))
  const per = (names, cell) =>
    table(
      ['rooms x clients x pushes/s', ...names],
      rows.map((row) => [row, ...names.map((name) => (of(row, name).length ? cell(of(row, name), row) : '-'))]),
    )
  const all = (pick) => (figures) => spread(figures.map(pick))
  const delay = (what) => (figures) =>
    `${short(median(figures.map((one) => one[`${what}P50`])))} / ${spread(figures.map((one) => one[`${what}P99`]))}`
  const ratio = (figures, row) => spread(figures.map((one, i) => one.us / of(row, 'floor')[i]?.us))
  const percent = (pick) => (figures) => spread(figures.map((one) => pick(one) * 100), ' %')
  return [
    'us of CPU per update delivered, all processes',
    per(servers, all(({ us }) => us)),
    'times the floor, in the same run',
    per(real, ratio),
    'without Redis, times the floor',
    per(roomds, (figures, row) =>
      spread(figures.map((one, i) => (one.us - (one.usParts.redis ?? 0)) / of(row, 'floor')[i]?.us)),
    ),
    'us per update by process, median',
    per(roomds, (figures) =>
      Object.keys(figures[0].usParts)
        .map((name) => [name, median(figures.map(({ usParts }) => usParts[name] ?? 0))])
        .filter(([, us]) => us >= 0.01)
        .map(([name, us]) => `${name.replace(/-1$/, '')} ${short(us)}`)
        .join(', '),
    ),
    'cores that were busy',
    per(servers, all(({ cores }) => cores)),
    'push to delivery, ms, p50 / p99',
    per(real, delay('delivery')),
    'push to result, ms, p50 / p99',
    per(real, delay('result')),
    'pushes that were answered within the time',
    per(real, percent(({ answered }) => answered)),
    'updates of these that were merged on the way',
    per(real, percent(({ merged }) => merged)),
    'bytes per frame, and frames per second, of all receivers',
    per(servers, (figures) => `${short(median(figures.map((one) => one.bytesPerFrame)))} x ${short(median(figures.map((one) => one.frames)))}`),
  ].join('\n\n')
}

export function plots(results) {
  const names = Object.keys(SERVERS)
  return [
    bars(results, names, ({ us }) => us, {
      file: 'fanout-cpu.svg',
      title: 'CPU per update delivered to another client',
      x: 'rooms x clients x pushes per second of each',
      y: 'us, all processes of the server',
    }),
    bars(results, names, ({ deliveryP99 }) => deliveryP99, {
      file: 'fanout-p99.svg',
      title: 'From push to delivery, 99th percentile',
      x: 'rooms x clients x pushes per second of each',
      y: 'ms',
      log: 'y',
    }),
  ]
}
