/* Watches who owns the rooms, and when that changes. */
const EVERY_MS = 40

export class OwnerWatch {
  #redis
  #rooms
  #before = []
  #changed = new Map() // room to when it had another owner first, and whose it was if that was taken for dead
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
        isOther && !this.#changed.has(i) && this.#changed.set(i, { at, taken: owner.taken })
      })
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
    }
  }

  /* {moved: how long after `at` each of these rooms that changed its owner had another one, in ms; movedAt: when, by
   * its name; taken: the names of those whose owner was taken for dead}. Others may have been given away meanwhile,
   * to even the load. */
  async end(at, rooms = this.#rooms) {
    this.#isOn = false
    await this.#watching
    const changed = [...this.#changed].filter(([i]) => rooms.includes(this.#rooms[i]))
    return {
      moved: changed.map(([, change]) => Math.max(0, change.at - at)),
      movedAt: new Map(changed.map(([i, change]) => [this.#rooms[i], change.at])),
      taken: changed.filter(([, { taken }]) => taken).map(([i]) => this.#rooms[i]),
    }
  }
}
