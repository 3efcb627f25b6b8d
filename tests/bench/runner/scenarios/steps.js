/* CPU per update from a tenth of what one core holds to nine tenths; and what becomes of clients when
 * half as much again is offered. */
import { loadOn, fullAt, SERVER_CORE } from '../core.js'
import { median, point, short, sorted, spread, table } from '../numbers.js'
import { original, roomd } from '../servers.js'

export const about = 'a core from 10 % to 90 % of what it holds, and at 150 %'

const SERVERS = {
  roomd: () => roomd({ pin: SERVER_CORE }),
  'roomd msgpack': () => roomd({ encoding: 'msgpack', pin: SERVER_CORE }),
  original: () => original({ pin: SERVER_CORE }),
}
/* A unit of load: a room of 20 who push 20 times a second, one of them a shape. */
const ROOM = { clients: 20, rate: 20, shapeClients: 1 }
const STEPS = [10, 30, 50, 70, 90, 100, 150]
const BEGIN = { roomd: 10, 'roomd msgpack': 10, original: 2 }

/* One case is all the steps of a server: they hang together by what is full. */
export function cases({ quick, has }) {
  const names = Object.keys(SERVERS).filter((server) => has(server) && !(quick && server !== 'roomd'))
  return names.map((server) => ({ row: 'all steps', server, measure: () => measure(server, quick) }))
}

async function oneStep(server, load) {
  const running = await SERVERS[server]()
  try {
    return await loadOn(running, { ...ROOM, ...load })
  } finally {
    await running.stop()
  }
}

async function measure(server, quick) {
  const times = quick ? { warm: 0.5, seconds: 1.5 } : { warm: 2, seconds: 5 }
  /* What is not got done piles up, and is seen only after a while. */
  const over = quick ? { warm: 3, seconds: 5 } : { warm: 5, seconds: 15 }
  const full = await fullAt(BEGIN[server], quick ? 2 : 4, (rooms) => oneStep(server, { rooms, ...times }))
  const steps = []
  for (const percent of quick ? [30, 90, 150] : STEPS) {
    const rooms = Math.max(1, Math.round((full * percent) / 100))
    console.error(`      ${percent} %: ${rooms} rooms`)
    const long = percent > 100 ? over : times
    const { run, ...figures } = await oneStep(server, { rooms, ...long, drain: quick ? 5 : 20, audit: true })
    steps.push({ ...figures, percent, rooms, ...after(run) })
  }
  return { full, steps, ...doubtsOf(steps) }
}

/* What became of pushes and clients. Throughput is of what arrived, merged or not, as others saw it. */
function after(run) {
  return {
    perSecond: run.offered / run.seconds,
    arrived: run.delivered / run.seconds,
    closes: run.closes,
    shed: run.shed,
    shapesSent: run.shapes_sent,
    unanswered: run.shapes_unanswered,
    audited: run.audited,
    missing: run.missing,
  }
}

/* Clients that are sent away are a result here, not a doubt. */
function doubtsOf(steps) {
  const worst = steps.filter(({ percent }) => percent <= 100).at(-1) ?? steps[0]
  return { wrong: steps.reduce((sum, one) => sum + one.wrong, 0), failure: worst.failure, generator: worst.generator }
}

const closesOf = (closes) =>
  Object.entries(closes)
    .map(([code, count]) => `${count} x ${code === '0' ? 'no code' : code}`)
    .join(', ') || 'nobody'

export function report(results) {
  const { servers, of } = sorted(results, Object.keys(SERVERS))
  const percents = [...new Set(results.flatMap(({ figures }) => figures.steps.map(({ percent }) => percent)))]
  const at = (server, percent) => of('all steps', server).map(({ steps }) => steps.find((one) => one.percent === percent))
  const per = (title, pick) => [
    title,
    table(['of what fills the core', ...servers], percents.map((percent) => [`${percent} %`, ...servers.map((name) => spread(at(name, percent).map(pick)))])),
  ]
  const delays = (what) => [
    `push to ${what}, ms, p50 / p99`,
    table(
      ['of what fills the core', ...servers],
      percents.map((percent) => [
        `${percent} %`,
        ...servers.map((name) => {
          const all = at(name, percent)
          return `${short(median(all.map((one) => one[`${what}P50`])))} / ${spread(all.map((one) => one[`${what}P99`]))}`
        }),
      ]),
    ),
  ]
  const peak = ({ steps }) => Math.max(...steps.map(({ perSecond }) => perSecond))
  const over = ({ steps }) => steps.find(({ percent }) => percent === 150)
  const line = (title, pick) => [title, ...servers.map((name) => spread(of('all steps', name).map(pick)))]
  const first = (title, pick) => [title, ...servers.map((name) => pick(over(of('all steps', name)[0])))]
  return [
    table(
      ['rooms of 20 x 20 per second, one of the 20 moves a shape', ...servers],
      [
        line('that fill the core', ({ full }) => full),
        line('updates per second at the peak, thousands', (one) => peak(one) / 1000),
        line('at 150 %, of the peak', (one) => over(one).perSecond / peak(one)),
      ],
    ),
    ...per('us of CPU per update', ({ us }) => us),
    ...per('cores that were busy', ({ cores }) => cores),
    ...delays('delivery'),
    ...delays('result'),
    ...per('updates that were merged on the way, %', ({ merged }) => merged * 100),
    'at 150 %, first run',
    table(
      ['', ...servers],
      [
        first('push to delivery, ms, p50 / p99', (one) => `${short(one.deliveryP50)} / ${short(one.deliveryP99)}`),
        first('pushes of presence superseded before the worker, %', ({ shed }) => short(shed.superseded * 100)),
        first('ms between two frames of a client, at the end', ({ shed }) => short(shed.interval * 1000)),
        first('clients sent away', ({ closes }) => closesOf(closes)),
        first('pushes of shapes', ({ shapesSent }) => shapesSent),
        first('  never answered, of those not sent away', ({ unanswered }) => unanswered),
        first('shapes looked for at the end', ({ audited }) => audited),
        first('  not where it was acknowledged', ({ missing }) => missing),
      ],
    ),
  ].join('\n\n')
}

export function plots(results) {
  const { servers, of } = sorted(results, Object.keys(SERVERS))
  const lines = (pick) =>
    servers.map((name) => ({
      name,
      points: of('all steps', name)[0].steps.map(({ percent }, i) => point(percent, of('all steps', name).map(({ steps }) => pick(steps[i])))),
    }))
  const plot = { kind: 'lines', x: 'offered, % of what fills one core' }
  return [
    { ...plot, file: 'steps-cpu.svg', title: 'CPU per update by load', y: 'us, all processes of the server', series: lines(({ us }) => us) },
    { ...plot, file: 'steps-p99.svg', title: 'From push to delivery by load, 99th percentile', y: 'ms', log: 'y', series: lines(({ deliveryP99 }) => deliveryP99) },
  ]
}
