/* Whether clients that read at 1 KB/s are noticed by those that read at once. They are sent 300
 * times as much, so that the kernel's buffers are full of it soon and the server's own bound counts. */
import { applyLoad, figuresOf } from '../load.js'
import { sorted, spread, table } from '../numbers.js'
import { original, roomd } from '../servers.js'

export const about = '2 rooms of 45 who move and 5 who read, at once or at 1 KB/s'

const LOAD = { rooms: 2, clients: 45, rate: 30, readers: 5 }
const ROWS = { 'all read at once': {}, 'one of ten reads 1 KB/s': { readerBytes: 1000 } }
const SERVERS = { roomd: () => roomd(), 'roomd msgpack': () => roomd({ encoding: 'msgpack' }), original: () => original() }

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
            const run = await applyLoad(running, { ...LOAD, ...ROWS[row], warm: 1, seconds: quick ? 4 : 50 })
            return { ...figuresOf(run), unsent: run.unsent }
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
  return table(
    ['', ...servers],
    [
      ...lines('delivery p50, ms', (one) => one.deliveryP50),
      ...lines('delivery p99, ms', (one) => one.deliveryP99),
      ...lines('cores that were busy', (one) => one.cores),
      ...lines('memory, MiB', (one) => one.memory / (1 << 20)),
      ...lines('kept by the kernel, MiB', (one) => one.unsent / (1 << 20)),
      ...lines('clients sent away', (one) => one.closed),
    ],
  )
}
