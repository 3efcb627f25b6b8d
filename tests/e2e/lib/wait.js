/* Waiting for what has to become true. Deadlines only: nothing here sleeps for a fixed time and then
 * hopes. */
import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 10

/* Instrumented binaries on a busy machine are many times slower; what is right takes no longer. */
export const PATIENCE_MS = 30000

/* Calls `probe` until it gives something truthy, and returns that. What it throws last tells why; one
 * that never comes back is given up with the rest. */
export async function until(what, probe, within = PATIENCE_MS) {
  const deadline = Date.now() + within
  for (;;) {
    let why = ''
    try {
      const got = await soon('an answer', Promise.resolve(probe()), Math.max(deadline - Date.now(), POLL_MS))
      if (got) {
        return got
      }
    } catch (error) {
      why = `: ${error.message}`
    }
    if (Date.now() > deadline) {
      throw new Error(`not within ${within} ms: ${what}${why}`)
    }
    await pause(POLL_MS)
  }
}

/* The promise's value, or an error that names what did not come. */
export function soon(what, promise, within = PATIENCE_MS) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${within} ms: ${what}`)), within)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
