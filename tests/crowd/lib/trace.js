/* The last things that happened to a client, to be shown if one of them was wrong. Keeping them costs
 * little; writing them out happens once. */
const KEPT = 120

export class Trace {
  #items = []
  #next = 0

  add(what, ...details) {
    this.#items[this.#next++ % KEPT] = { at: Date.now(), what, details }
  }

  lines(most = KEPT) {
    const from = Math.max(0, this.#next - most)
    return Array.from({ length: this.#next - from }, (_, i) => {
      const { at, what, details } = this.#items[(from + i) % KEPT]
      const words = details.map((detail) => JSON.stringify(detail)?.slice(0, 200) ?? '')
      return `${new Date(at).toISOString().slice(11, 23)} ${what} ${words.join(' ')}`
    })
  }
}
