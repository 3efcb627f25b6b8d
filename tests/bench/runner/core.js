/* What one core holds: the server, all of its processes, is kept on one processor, the load generator
 * has the others. */
import { availableParallelism } from 'node:os'
import { applyLoad, figuresOf } from './load.js'

export const SERVER_CORE = 0
const FULL = 0.95 // of the core

/* The processors that the generator may have; on a machine with one they share it, and figures say
 * little. */
export function generatorCores() {
  const last = availableParallelism() - 1
  return last > 1 ? `1-${last}` : last
}

export async function loadOn(running, load) {
  const run = await applyLoad(running, load, { pin: generatorCores() })
  return { ...figuresOf(run), run }
}

/* The largest n, within 1/16, at which `holds(n)` says {ok: true}; doubles from `from`, and halves what
 * is between. Returns what that n had to show, with n; 0 if not even the first one holds. `most` ends it. */
export async function largest(from, most, holds) {
  let [good, bad, best] = [0, Infinity, { n: 0 }]
  for (let n = from; n <= most && bad - good > Math.max(1, good / 16); ) {
    const figures = await holds(n)
    console.error(`      ${n}: ${figures.says}`)
    if (figures.ok) {
      good = n
      best = { ...figures, n }
    } else {
      bad = n
    }
    n = bad === Infinity ? Math.min(n * 2, most) : Math.floor((good + bad) / 2)
    if (n <= good) {
      break
    }
  }
  return best
}

/* How many units of a load fill the core: from what a few take, then corrected by what that many take.
 * `measure(n)` says {cores}. */
export async function fullAt(from, rounds, measure) {
  let n = from
  for (let i = 0; i < rounds; i++) {
    const { cores } = await measure(n)
    console.error(`      ${n}: ${cores.toFixed(2)} of the core`)
    /* Beyond it, nobody knows how far. */
    n = Math.max(1, Math.round(cores < FULL ? (n * FULL) / Math.max(cores, 0.02) : n * 0.8))
  }
  return n
}
