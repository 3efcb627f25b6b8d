/* bench_load, and what a server cost while it was at it. */
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { cpuBetween, startProcess, unsentBytes } from './processes.js'
import { BUILD } from './servers.js'

const BINARY = join(BUILD, 'tests/bench/load/bench_load')
let count = 0
let checks = {}

/* From now on every message of real servers is parsed, and rooms are looked at in the end. */
export function checkAll() {
  checks = { check: true, audit: true }
}

/* {rooms: 20, joinRounds: 3, port: [1, 2], shapes: true} to ['--rooms', '20', '--join-rounds', '3', '--port', '1',
 * '--port', '2', '--shapes'] */
function flagsOf(options) {
  return Object.entries(options).flatMap(([name, value]) => {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    return value === true
      ? [flag]
      : value === false || value === undefined
        ? []
        : [value].flat().flatMap((one) => [flag, String(one)])
  })
}

/* Runs one load against a server, and returns what the generator says with what the server's processes
 * took between `begin` and `end`: {..., cpu: {total, parts}, memory, unsent}. `on` has functions to call at the
 * generator's events, with what it said and its process. */
export async function applyLoad(server, options, { on = {}, pin } = {}) {
  const flags = flagsOf({
    port: server.ports ?? server.port,
    schema: join(BUILD, 'bench-schema.json'),
    prefix: `b${process.pid}-${count++}-`,
    msgpack: server.encoding === 'msgpack',
    floor: server.isFloor,
    ...(server.isFloor || options.leave ? {} : checks),
    ...options,
  })
  const line = pin === undefined ? [BINARY, ...flags] : ['taskset', '-c', String(pin), BINARY, ...flags]
  const child = startProcess(line[0], line.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (bytes) => (errors += bytes))
  const ended = new Promise((resolve) => child.once('close', resolve))
  let before, cpu, memory, unsent, result, shedBefore, shed
  for await (const text of createInterface({ input: child.stdout })) {
    const said = JSON.parse(text)
    if (said.event === 'begin') {
      before = server.cpu()
      shedBefore = await shedBy(server)
    } else if (said.event === 'end') {
      cpu = cpuBetween(before, server.cpu())
      memory = server.memory()
      unsent = unsentBytes(server.port)
      shed = shedBetween(shedBefore, await shedBy(server))
    } else if (said.event === 'result') {
      result = said
    }
    on[said.event]?.(said, child)
  }
  await ended
  if (!result) {
    throw new Error(`bench_load ${flags.join(' ')}\nagainst ${server.name}: ${errors}\n${server.log}`)
  }
  return { ...result, cpu, memory, unsent, shed }
}

const SHED = {
  messages: 'roomd_messages_received_total',
  superseded: 'roomd_presence_superseded_total',
  slow: 'roomd_closes_slow_total',
  condensed: 'roomd_events_condensed_total',
  interval: 'roomd_event_interval_seconds',
  unsent: 'roomd_unsent_bytes',
}

/* What roomd's gateway says of how it copes; NaN for other servers. */
async function shedBy(server) {
  const said = await Promise.all(Object.values(SHED).map(async (metric) => (await server.metric?.(metric))?.['gateway-1'] ?? NaN))
  return Object.fromEntries(Object.keys(SHED).map((name, i) => [name, said[i]]))
}

/* Counters in between, gauges at the end. */
function shedBetween(before, after) {
  return {
    superseded: (after.superseded - before.superseded) / (after.messages - before.messages),
    slow: after.slow - before.slow,
    condensed: after.condensed - before.condensed,
    interval: after.interval,
    unsent: after.unsent,
  }
}

/* What is told of every load: how busy the server was (1 is a core), what an update cost, how long
 * things took (ms), how far the generator can be believed. */
export function figuresOf(run) {
  const ms = (us) => us / 1000
  return {
    cores: run.cpu.total / run.seconds,
    us: (run.cpu.total * 1e6) / run.offered,
    usParts: Object.fromEntries(
      Object.entries(run.cpu.parts).map(([name, seconds]) => [name, (seconds * 1e6) / run.offered]),
    ),
    usPush: (run.cpu.total * 1e6) / run.sent,
    offered: run.offered,
    sent: run.sent,
    merged: run.delivered ? Math.max(0, 1 - run.delivered / run.offered) : 0,
    answered: run.acked / run.sent,
    frames: run.frames / run.seconds,
    bytesPerFrame: run.bytes / run.frames,
    resultP50: ms(run.result.p50),
    resultP99: ms(run.result.p99),
    resultMax: ms(run.result.max),
    deliveryP50: ms(run.delivery.p50),
    deliveryP99: ms(run.delivery.p99),
    deliveryP999: ms(run.delivery.p999),
    closed: run.closed,
    wrong: run.wrong,
    missing: run.missing,
    failure: run.failure,
    memory: run.memory.total,
    generator: { cores: run.cpu_seconds / run.seconds, lateP99: ms(run.lateness.p99) },
  }
}
