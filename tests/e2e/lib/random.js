/* Seeded random numbers (mulberry32), so that a run can be repeated: E2E_SEED=N. */
export function seedOfRun() {
  const seed = Number(process.env.E2E_SEED ?? Math.floor(Math.random() * 0xffffffff))
  console.log(`# E2E_SEED=${seed}`)
  return seed
}

export class Random {
  #state

  constructor(seed) {
    this.#state = seed >>> 0
  }

  /* 0 <= x < 1 */
  unit() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  below(n) {
    return Math.floor(this.unit() * n)
  }

  chance(p) {
    return this.unit() < p
  }

  pick(array) {
    return array[this.below(array.length)]
  }
}
