/* A client that remembers what was acknowledged, to see that it is still there. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { Client, note, readRoom } from './client.js'
import { PATIENCE_MS, until } from './wait.js'

/* Pushes without pause, comes back whenever it is thrown out, and remembers what was acknowledged. */
export class Recorder {
  #stopped = false
  #done
  #client = null
  next = 0
  losses = 0 // connections that ended
  acknowledged = []

  constructor(roomd, room) {
    this.room = room
    this.#done = this.#run(roomd)
  }

  async #run(roomd) {
    while (!this.#stopped) {
      try {
        this.#client = await Client.connect(roomd, this.room, { session: `recorder-${this.room}` })
        await this.#pushOn()
      } catch {
        this.losses++
        this.#client?.drop()
        await pause(50)
      }
    }
    this.#client?.drop()
  }

  async #pushOn() {
    if (!this.#client.records.has('note:counter')) {
      await this.#client.push({ diff: { 'note:counter': ['put', note('counter')] } })
    }
    while (!this.#stopped) {
      const n = this.next++
      const diff = {
        [`note:${this.room}-${n}`]: ['put', note(`${this.room}-${n}`, { x: n })],
        'note:counter': ['patch', { x: ['put', n] }],
      }
      const action = await this.#client.push({ diff })
      assert.notEqual(action, 'discard')
      this.acknowledged.push(n)
    }
  }

  stop() {
    this.#stopped = true
    return this.#done
  }

  /* More pushes get through again. */
  async goesOn() {
    const before = this.acknowledged.length
    await until(`pushes to ${this.room} again`, () => this.acknowledged.length > before + 3, 2 * PATIENCE_MS)
  }

  /* What is acknowledged by now is what a newcomer finds. */
  async check(roomd) {
    const acknowledged = [...this.acknowledged]
    const { documents } = await readRoom(roomd, this.room)
    const missing = acknowledged.filter((n) => documents[`note:${this.room}-${n}`]?.x !== n)
    assert.deepEqual(missing, [], `acknowledged in ${this.room} and lost`)
    assert.ok(documents['note:counter'].x >= acknowledged.at(-1), 'an acknowledged patch is lost')
  }
}
