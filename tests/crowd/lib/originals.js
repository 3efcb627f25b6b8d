/* The original's own sync clients, two to a room, among the drawers: they edit through their store, and must
 * agree with everybody in the end. */
import { noteSchema } from '../../e2e/lib/schemas.js'
import { documentsIn, note } from '../../e2e/lib/client.js'
import { SyncClient, complaints, sortMembers } from '../../e2e/lib/sync.js'
import { until } from '../../e2e/lib/wait.js'

const PER_ROOM = 2
const EVERY_MS = 150
const KEPT = 10
const SETTLE_MS = 90000

export class Originals {
  #clients = [] // {room, name, client, made, n}
  #timer = null
  #ws

  constructor(address) {
    this.#ws = { ws: `ws://${address}` }
  }

  isName(name) {
    return name.startsWith('original-')
  }

  get losses() {
    return this.#clients.reduce((sum, { client }) => sum + client.losses, 0)
  }

  async join(rooms) {
    for (const room of rooms) {
      for (let i = 0; i < PER_ROOM; i++) {
        const name = `original-${room}-${i}`
        const presence = { id: 'presence:x', typeName: 'presence', name, cursor: { x: 0, y: 0 }, chat: '' }
        const options = { schema: noteSchema, session: name, binary: i % 2 === 1, presence }
        this.#clients.push({ room, name, client: new SyncClient(this.#ws, room, options), made: [], n: 0 })
      }
    }
    await Promise.all(this.#clients.map(({ client }) => client.ready()))
  }

  draw(isOn) {
    clearInterval(this.#timer)
    this.#timer = isOn ? setInterval(() => this.#clients.forEach((each) => this.#edit(each)), EVERY_MS) : null
  }

  #edit(each) {
    const { client, name, made } = each
    const id = `${name}-${each.n++}`
    made.push(`note:${id}`)
    client.store.put([note(id, { text: name }), note('original', { x: each.n, text: name })])
    if (made.length > KEPT) {
      client.store.remove([made.shift()])
    }
    client.presence.set({ ...client.presence.get(), cursor: { x: each.n, y: 0 } })
    client.store._flushHistory()
  }

  settle() {
    return until(
      'the original clients settled',
      () => this.#clients.every(({ client }) => client.isSettled || client.failure),
      SETTLE_MS,
    )
  }

  /* All have what the newcomers have. */
  async check(readers) {
    for (const { room, client, name } of this.#clients) {
      if (client.failure) {
        throw new Error(`${name} gave up: ${client.failure}`)
      }
      const reader = readers.find((each) => each.room.name === room)
      const docs = () => JSON.stringify(sortMembers(documentsIn(reader.view.docs)))
      await until(`${name} has the room`, () => JSON.stringify(sortMembers(client.documents)) === docs())
    }
    if (complaints.length > 0) {
      throw new Error(`an original client complains: ${complaints.splice(0).join('; ')}`)
    }
  }

  leave() {
    this.draw(false)
    this.#clients.splice(0).forEach(({ client }) => client.close())
  }
}
