/* The largest room that one core holds: all of its clients move their cursors, and 99 of 100 updates
 * are there within 100 ms. */
import { largest, loadOn, SERVER_CORE } from '../core.js'
import { median, sorted, spread, table } from '../numbers.js'
import { original, roomd } from '../servers.js'

export const about = 'the largest room of moving cursors that one core holds, p99 below 100 ms'

const SERVERS = {
  roomd: () => roomd({ pin: SERVER_CORE }),
  'roomd msgpack': () => roomd({ encoding: 'msgpack', pin: SERVER_CORE }),
  original: () => original({ pin: SERVER_CORE }),
}
const P99_MS = 100
const MOST = 4000
const BEGIN = { roomd: 100, 'roomd msgpack': 100, original: 25 }
const ROWS = { '10 per second': 10, '30 per second': 30 }

export function cases({ quick, has }) {
  return Object.keys(ROWS).flatMap((row) =>
    Object.keys(SERVERS)
      .filter((server) => has(server) && !(quick && (server !== 'roomd' || row !== '30 per second')))
      .map((server) => ({ row, server, measure: () => measure(server, ROWS[row], quick) })),
  )
}

async function measure(server, rate, quick) {
  const times = quick ? { warm: 1, seconds: 1.5 } : { warm: 3, seconds: 6 }
  return largest(quick ? 200 : BEGIN[server], quick ? 800 : MOST, async (clients) => {
    const running = await SERVERS[server]()
    try {
      const { run, ...figures } = await loadOn(running, { rooms: 1, clients, rate, ...times })
      /* A room that is not served in time falls behind: its pushes are not answered. */
      const ok = figures.deliveryP99 < P99_MS && figures.answered > 0.95 && run.closed === 0
      return { ...figures, ok, says: saysOf(figures) }
    } finally {
      await running.stop()
    }
  })
}

function saysOf({ cores, deliveryP99, answered, generator }) {
  const percent = (share) => `${Math.round(share * 100)} %`
  return `p99 ${deliveryP99.toFixed(0)} ms, core ${percent(cores)}, answered ${percent(answered)}, generator ${percent(generator.cores)}`
}

export function report(results) {
  const { servers, rows, of } = sorted(results, Object.keys(SERVERS))
  const lines = (title, pick) => rows.map((row) => [`${title}, ${row}`, ...servers.map((name) => spread(of(row, name).map(pick)))])
  return table(
    ['', ...servers],
    [
      ...lines('clients', ({ n }) => n),
      ...lines('  cores that were busy', ({ cores }) => cores),
      ...lines('  push to delivery, ms, p50', ({ deliveryP50 }) => deliveryP50),
      ...lines('  push to delivery, ms, p99', ({ deliveryP99 }) => deliveryP99),
      ...lines('  us of CPU per update', ({ us }) => us),
      ...lines('  updates merged on the way, %', ({ merged }) => merged * 100),
      ...lines('  the generator, of a core', ({ generator }) => generator?.cores ?? median([])),
    ],
  )
}
