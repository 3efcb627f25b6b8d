/* People who draw without a pause while things move under them. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Client, putNote, readRoom } from './client.js'
import { until } from './wait.js'

const STROKE_MS = 10 // between two notes of one who draws

/* Somebody who pushes one note after another, each when the one before is acknowledged. */
export class Drawer {
  notes = []
  #over = false
  #failure = null

  static async start(roomd, room) {
    const drawer = new Drawer()
    drawer.room = room
    drawer.client = await Client.connect(roomd, room)
    drawer.done = drawer.#draw().catch((error) => (drawer.#failure = error))
    return drawer
  }

  async #draw() {
    while (!this.#over) {
      const id = randomUUID()
      assert.equal(await this.client.push({ diff: putNote(id) }), 'commit')
      this.notes.push(`note:${id}`)
      await pause(STROKE_MS)
    }
  }

  /* Waits until something more is acknowledged. */
  goesOn() {
    const before = this.notes.length
    return until('more is acknowledged', () => {
      if (this.#failure) {
        throw this.#failure
      }
      return this.notes.length > before
    })
  }

  async stop() {
    this.#over = true
    await this.done
    assert.equal(this.#failure, null)
    assert.equal(this.client.closed, null, 'the socket is still open')
  }
}

/* Two in each room. */
export async function drawers(roomd, rooms) {
  return Promise.all(rooms.flatMap((room) => [room, room]).map((room) => Drawer.start(roomd, room)))
}

/* All that was acknowledged is there, and all who are there see the same. */
export async function check(roomd, room, crowd) {
  await Promise.all(crowd.map((drawer) => drawer.stop()))
  const { documents } = await readRoom(roomd, room)
  const notes = crowd.flatMap((drawer) => drawer.notes).sort()
  assert.deepEqual(Object.keys(documents).sort(), notes)
  for (const { client } of crowd) {
    await until('the same at all', () => Object.keys(client.documents).length === notes.length)
    await client.leave()
  }
}
