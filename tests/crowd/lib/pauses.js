/* How long clients wait for answers around a fault. While a window is open, each client's longest wait is
 * noted: of a push that was under way when it opened, from then on. */
export class Pauses {
  #now
  #windows = new Map()
  #next = 1

  constructor(now) {
    this.#now = now
  }

  /* `rooms`: a Set of names; without, all. */
  open(rooms) {
    const id = this.#next++
    this.#windows.set(id, { from: this.#now(), rooms, longest: new Map() })
    return id
  }

  #note(window, drawer, pushedAt) {
    if (!window.rooms || window.rooms.has(drawer.room.name)) {
      const wait = this.#now() - Math.max(pushedAt, window.from)
      if (wait > (window.longest.get(drawer) ?? 0)) {
        window.longest.set(drawer, wait)
      }
    }
  }

  answered(drawer, pushedAt) {
    this.#windows.forEach((window) => this.#note(window, drawer, pushedAt))
  }

  /* The longest wait of each client who pushed something, in ms; what still has no answer counts too.
   * `stayed`: of those whose connection lasted. */
  close(id, drawers) {
    const window = this.#windows.get(id)
    this.#windows.delete(id)
    drawers.forEach((drawer) => drawer.pending.forEach(({ at }) => this.#note(window, drawer, at)))
    const stayed = [...window.longest].filter(([drawer]) => !(drawer.endedAt >= window.from))
    return { pauses: [...window.longest.values()], stayed: stayed.map(([, wait]) => wait) }
  }
}

export function percentiles(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const index = (part) => Math.min(sorted.length - 1, Math.floor(sorted.length * part))
  const at = (part) => Math.round((sorted[index(part)] ?? 0) * 10) / 10
  return { clients: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}
