/* What it costs to be many: the same load on one worker or some, on one node or some. */
import { applyLoad, figuresOf } from '../load.js'
import { median, short, sorted, spread, table } from '../numbers.js'
import { cluster, roomd } from '../servers.js'

export const about = 'a fixed load on workers of one node, and on nodes'

const LOADS = {
  'cursors 24 x 10 x 10': { rooms: 24, clients: 10, rate: 10 },
  'shapes 24 x 10 x 5': { rooms: 24, clients: 10, rate: 5, shapes: true },
}
const SERVERS = {
  '1 worker': () => roomd(),
  '2 workers': () => roomd({ args: ['--workers', '2'] }),
  '4 workers': () => roomd({ args: ['--workers', '4'] }),
  '1 node': () => cluster({ nodes: 1 }),
  '2 nodes': () => cluster({ nodes: 2 }),
  '3 nodes': () => cluster({ nodes: 3 }),
}

export function cases({ quick, has }) {
  const rows = Object.keys(LOADS).filter((row) => !quick || row.startsWith('cursors'))
  return rows.flatMap((row) =>
    Object.keys(SERVERS)
      .filter(has)
      .map((server) => ({
        row,
        server,
        async measure() {
          const running = await SERVERS[server]()
          try {
            return figuresOf(await applyLoad(running, { ...LOADS[row], warm: 2, seconds: quick ? 3 : 8 }))
          } finally {
            await running.stop()
          }
        },
      })),
  )
}

/* The base of a row: one worker, or one node. */
const baseOf = (server) => (server.endsWith('s') ? (server.includes('worker') ? '1 worker' : '1 node') : server)
const parts = (figures) =>
  Object.keys(figures[0].usParts)
    .map((name) => name.replace(/-\d+$/, ''))
    .filter((name, i, all) => all.indexOf(name) === i)
    .map((name) => [
      name,
      median(
        figures.map(({ usParts }) =>
          Object.entries(usParts).reduce((sum, [one, us]) => sum + (one.replace(/-\d+$/, '') === name ? us : 0), 0),
        ),
      ),
    ])
    .filter(([, us]) => us >= 0.01)
    .map(([name, us]) => `${name} ${short(us)}`)
    .join(', ')

export function report(results) {
  const { servers, rows, of } = sorted(results, Object.keys(SERVERS))
  const per = (cell) =>
    table(
      ['rooms x clients x pushes/s', ...servers],
      rows.map((row) => [row, ...servers.map((server) => cell(of(row, server), row, server))]),
    )
  return [
    'us of CPU per update delivered, all processes',
    per((figures) => spread(figures.map(({ us }) => us))),
    'times one worker, or one node',
    per((figures, row, server) => spread(figures.map(({ us }, i) => us / of(row, baseOf(server))[i]?.us))),
    'push to delivery, ms, p50 / p99',
    per((figures) => `${short(median(figures.map((one) => one.deliveryP50)))} / ${spread(figures.map((one) => one.deliveryP99))}`),
    'us per update by kind of process, median',
    rows.map((row) => servers.map((server) => `${row}, ${server}: ${parts(of(row, server))}`).join('\n')).join('\n'),
  ].join('\n\n')
}
