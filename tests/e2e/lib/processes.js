/* Processes: those that the tests start, and all as /proc shows them. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { until } from './wait.js'

/* Whatever is started here ends with the tests, also when they are interrupted. */
const started = new Set()
process.on('exit', () => started.forEach((child) => child.kill('SIGKILL')))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => process.exit(1))
}

/* As child_process.spawn. */
export function startProcess(...args) {
  const child = spawn(...args)
  started.add(child)
  child.once('exit', () => started.delete(child))
  return child
}

export function isRunning(child) {
  return started.has(child)
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it has just ended
  }
}

/* A zombie has ended; whoever should know has not asked yet. */
export function isAlive(pid) {
  const state = /\) (\S)/.exec(read(`/proc/${pid}/stat`))?.[1]
  return state !== undefined && state !== 'Z' && state !== 'X'
}

function nameOf(pid) {
  const args = read(`/proc/${pid}/cmdline`).split('\0')
  const at = args.indexOf('--process')
  return at >= 0 ? args[at + 1] : /redis-server/.test(args[0]) ? 'redis' : null
}

/* What a worker or gateway is called in Redis: of this start, never used again. */
export function idOf(pid) {
  const args = read(`/proc/${pid}/cmdline`).split('\0')
  const at = args.indexOf('--id')
  return at >= 0 ? args[at + 1] : null
}

/* A supervisor's children: slot name ("worker-1", "redis") and pid of each. One that is between fork
 * and exec has no name yet and is left out. */
export function childrenOf(pid) {
  const words = read(`/proc/${pid}/task/${pid}/children`).split(' ')
  const pids = words.map(Number).filter((child) => child && isAlive(child))
  return pids.map((child) => [nameOf(child), child]).filter(([name]) => name)
}

export function residentBytes(pid) {
  return Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024
}

export function kill(pid, signal = 'SIGKILL') {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') {
      throw error
    }
  }
}

export function allGone(pids) {
  return until(`processes ${pids.join(', ')} gone`, () => !pids.some(isAlive))
}
