/* Watches who owns the rooms, and when that changes. */
const EVERY_MS = 40

export class OwnerWatch {
  #redis
  #rooms
  #before = []
  #changed = new Map() // room to when it had another owner first
  #isOn = true
  #watching

  /* From now on. */
  static async start(redis, rooms) {
    const watch = new OwnerWatch()
    watch.#redis = redis
    watch.#rooms = rooms
    watch.#before = await redis.owners(rooms)
    watch.#watching = watch.#watch()
    return watch
  }

  get before() {
    return this.#before
  }

  async #watch() {
    while (this.#isOn) {
      const now = await this.#redis.owners(this.#rooms)
      const at = Date.now()
      now.forEach((owner, i) => {
        const isOther = owner && owner.owner !== this.#before[i]?.owner
        isOther && !this.#changed.has(i) && this.#changed.set(i, at)
      })
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
    }
  }

  /* How long after `at` each room that changed its owner had another one, in ms. */
  async end(at) {
    this.#isOn = false
    await this.#watching
    return [...this.#changed.values()].map((when) => Math.max(0, when - at))
  }
}
