/* How long a push is under way where nobody has much to do, and what durability adds to that. */
import { applyLoad, figuresOf } from '../load.js'
import { median, short, sorted, spread, table } from '../numbers.js'
import { original, roomd } from '../servers.js'

export const about = 'push to result and push to delivery, at loads that are easy for all'

const ROWS = {
  'cursors 5 x 5 x 5': { rooms: 5, clients: 5, rate: 5 },
  'cursors 10 x 10 x 10': { rooms: 10, clients: 10, rate: 10 },
  'shapes 5 x 5 x 5': { rooms: 5, clients: 5, rate: 5, shapes: true },
  'shapes 10 x 10 x 10': { rooms: 10, clients: 10, rate: 10, shapes: true },
}
const SERVERS = {
  roomd: () => roomd(),
  'roomd none': () => roomd({ args: ['--durability', 'none'] }),
  original: () => original(),
  'original WAL': () => original({ sqlite: true }),
}

export function cases({ quick, has }) {
  const rows = Object.keys(ROWS).filter((row) => !quick || row === 'shapes 5 x 5 x 5')
  const seconds = quick ? 3 : 10
  return rows.flatMap((row) =>
    Object.keys(SERVERS)
      .filter(has)
      .map((server) => ({
        row,
        server,
        async measure() {
          const running = await SERVERS[server]()
          try {
            return figuresOf(await applyLoad(running, { ...ROWS[row], warm: quick ? 1 : 2, seconds }))
          } finally {
            await running.stop()
          }
        },
      })),
  )
}

export function report(results) {
  const { servers, rows, of } = sorted(results, Object.keys(SERVERS))
  const both = (what) => (row) => [
    row,
    ...servers.map((server) => {
      const figures = of(row, server)
      return `${short(median(figures.map((one) => one[`${what}P50`])))} / ${spread(figures.map((one) => one[`${what}P99`]))}`
    }),
  ]
  return [
    'push to result, ms, p50 / p99',
    table(['rooms x clients x pushes per second', ...servers], rows.map(both('result'))),
    'push to delivery, ms, p50 / p99',
    table(['rooms x clients x pushes per second', ...servers], rows.map(both('delivery'))),
  ].join('\n\n')
}
