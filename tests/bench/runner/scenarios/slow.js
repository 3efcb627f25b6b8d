/* Whether clients that read at 1 KB/s are noticed by those that read at once. They are sent 300
 * times as much, so that the kernel's buffers are full of it soon and the server's own bound counts. */
import { applyLoad, figuresOf } from '../load.js'
import { sorted, spread, table } from '../numbers.js'
import { original, roomd } from '../servers.js'

export const about = '2 rooms of 45 who move and 5 who read, at once or at 1 KB/s'

const LOAD = { rooms: 2, clients: 45, rate: 30, readers: 5 }
const ALL_READ = 'all read at once'
const SOME_SLOW = 'one of ten reads 1 KB/s'
const ROWS = { [ALL_READ]: {}, [SOME_SLOW]: { readerBytes: 1000 } }
const SERVERS = { roomd: () => roomd(), 'roomd msgpack': () => roomd({ encoding: 'msgpack' }), original: () => original() }
const SAMPLE_MS = 500

/* The most that the gateway has said to hold for its clients. */
function watchUnsent(server) {
  let most = NaN
  let asking
  const timer = setInterval(async () => {
    asking ??= server.metric('roomd_unsent_bytes').then((said) => {
      const now = said['gateway-1'] ?? NaN
      most = most > now ? most : now
      asking = undefined
    })
    await asking
  }, SAMPLE_MS)
  return async () => {
    clearInterval(timer)
    await asking
    return most
  }
}

export function cases({ quick, has }) {
  return Object.keys(ROWS).flatMap((row) =>
    Object.keys(SERVERS)
      .filter(has)
      .filter((server) => !quick || server === 'roomd')
      .map((server) => ({
        row,
        server,
        async measure() {
          const running = await SERVERS[server]()
          try {
            const most = watchUnsent(running)
            const run = await applyLoad(running, { ...LOAD, ...ROWS[row], warm: 1, seconds: quick ? 4 : 50 })
            return { ...figuresOf(run), unsent: run.unsent, shed: run.shed, mostUnsent: await most() }
          } finally {
            await running.stop()
          }
        },
      })),
  )
}

export function report(results) {
  const { servers, rows, of } = sorted(results, Object.keys(SERVERS))
  const lines = (title, pick) => rows.map((row) => [`${title}, ${row}`, ...servers.map((server) => spread(of(row, server).map(pick)))])
  /* Run by run, as the machine is not the same at all times. */
  const ratios = (title, pick) =>
    rows
      .filter((row) => row !== ALL_READ)
      .map((row) => [
        `${title}, ${row}`,
        ...servers.map((server) => spread(of(row, server).map((one, i) => pick(one) / pick(of(ALL_READ, server)[i] ?? {})))),
      ])
  const MIB = 1 << 20
  return table(
    ['', ...servers],
    [
      ...lines('delivery p50, ms', (one) => one.deliveryP50),
      ...lines('delivery p99, ms', (one) => one.deliveryP99),
      ...ratios('p99, times that where all read at once', (one) => one.deliveryP99),
      ...lines('cores that were busy', (one) => one.cores),
      ...lines('memory, MiB', (one) => one.memory / MIB),
      ...lines('held for clients, at most, MiB', (one) => one.mostUnsent / MIB),
      ...lines('kept by the kernel, MiB', (one) => one.unsent / MIB),
      ...lines('pushes of presence superseded, %', (one) => one.shed.superseded * 100),
      ...lines('events that slow ones were spared, thousands', (one) => one.shed.condensed / 1000),
      ...lines('clients sent away', (one) => one.closed),
    ],
  )
}
