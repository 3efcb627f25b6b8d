/* What processes have cost, from /proc: of a server all of them, whatever it has started. */
import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

export { startProcess } from '../../e2e/lib/processes.js'

const TICKS_PER_SECOND = 100 // USER_HZ, the same on all of Linux' usual machines

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it has just ended
  }
}

function childrenOf(pid) {
  const tasks = taskIds(pid)
  return tasks.flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(' ').map(Number).filter(Boolean))
}

function taskIds(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/* A process and all below it, as [{pid, name}]: "redis", "worker-1", "roomd-script"... */
export function processTree(pid) {
  return [{ pid, name: nameOf(pid) }, ...childrenOf(pid).flatMap(processTree)]
}

function nameOf(pid) {
  const args = read(`/proc/${pid}/cmdline`).split('\0')
  const at = args.indexOf('--process')
  if (at >= 0) {
    return args[at + 1]
  }
  if (/redis-server/.test(args[0])) {
    return 'redis'
  }
  return args[0].replace(/^.*\//, '') === 'roomd' ? 'supervisor' : read(`/proc/${pid}/comm`).trim()
}

/* Seconds that its threads have run, to the nanosecond where the kernel says so, and those of children
 * that have ended. */
function cpuSeconds(pid) {
  const fields = read(`/proc/${pid}/stat`).replace(/^.*\) /s, '').split(' ')
  const [own, ended] = [Number(fields[11]) + Number(fields[12]), Number(fields[13]) + Number(fields[14])]
  const exact = taskIds(pid).reduce((sum, task) => {
    return sum + Number(read(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0])
  }, 0)
  /* Threads that have ended are in `own` alone. */
  const seconds = own / TICKS_PER_SECOND
  const running = exact / 1e9
  return (running > 0 && Math.abs(running - seconds) < 0.05 ? running : seconds) + ended / TICKS_PER_SECOND || 0
}

/* Map of name to CPU seconds so far; processes of one name together. */
export function cpuOf(pid) {
  const all = new Map()
  for (const one of processTree(pid)) {
    all.set(one.name, (all.get(one.name) ?? 0) + cpuSeconds(one.pid))
  }
  return all
}

/* {total, parts: {name: seconds}} between two cpuOf. */
export function cpuBetween(before, after) {
  const parts = {}
  for (const [name, seconds] of after) {
    parts[name] = seconds - (before.get(name) ?? 0)
  }
  return { total: Object.values(parts).reduce((sum, x) => sum + x, 0), parts }
}

/* {total, parts: {name: bytes}}: what memory all of a server's processes take, what they share counted
 * once (PSS). The kernel's buffers for sockets are in none of it. */
export function memoryOf(pid) {
  const parts = {}
  for (const one of processTree(pid)) {
    const kib = Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${one.pid}/smaps_rollup`))?.[1] ?? 0)
    parts[one.name] = (parts[one.name] ?? 0) + kib * 1024
  }
  return { total: Object.values(parts).reduce((sum, x) => sum + x, 0), parts }
}

/* Bytes that the kernel keeps because clients of that port have not taken them. */
export function unsentBytes(port) {
  const lines = read('/proc/net/tcp').split('\n').slice(1)
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address]) => address?.endsWith(local))
    .reduce((sum, fields) => sum + Number.parseInt(fields[4].split(':')[0], 16), 0)
}

export function isAlive(pid) {
  const state = /\) (\S)/.exec(read(`/proc/${pid}/stat`))?.[1]
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/* Ends a server in order, and everything below it by force if that takes too long. */
export async function stopTree(child) {
  const pids = processTree(child.pid).map(({ pid }) => pid)
  child.kill('SIGTERM')
  for (let waited = 0; pids.some(isAlive); waited += 20) {
    if (waited > 15000) {
      pids.filter(isAlive).forEach((pid) => process.kill(pid, 'SIGKILL'))
    }
    await pause(20)
  }
}
