/* What a client has been told of its room, and up to which clock. */
import { applyObjectDiff } from '../../e2e/lib/wire.js'
import { outcomeOf } from './history.js'

const isPresence = (id) => id.startsWith('presence:')

export class View {
  #room
  #wrong // (check, what, who else may know why)
  docs = new Map()
  presences = new Map()
  clock = -1

  /* `room` {drawers}. */
  constructor(room, wrong) {
    this.#room = room
    this.#wrong = wrong
  }

  /* Applies a network diff; returns pairs of id and record, null for none, of the documents in it. */
  apply(diff = {}) {
    const docs = {}
    for (const [id, op] of Object.entries(diff)) {
      if (isPresence(id)) {
        this.#applyPresence(id, op)
      } else {
        docs[id] = op
        if (op[0] === 'patch' && !this.docs.has(id)) {
          this.#wrong('history', `a patch of ${id}, which is not there`)
        }
      }
    }
    const outcome = outcomeOf(this.docs, docs)
    for (const [id, record] of outcome) {
      record === null ? this.docs.delete(id) : this.docs.set(id, record)
    }
    return outcome
  }

  #applyPresence(id, [op, operand]) {
    if (op === 'remove') {
      this.presences.delete(id)
      return
    }
    const before = this.presences.get(id)
    if (op === 'patch' && !before) {
      return // told ahead of a slow Redis, before this client listened; all of it follows, clients pass it over
    }
    const record = op === 'put' ? operand : applyObjectDiff(before, operand)
    this.presences.set(id, record)
    /* A patch that waited for Redis may fall on what was told ahead of it, and is followed by the whole. */
    const whose = op === 'put' ? this.#room.drawers.find(({ name }) => name === record.name) : null
    if (whose && !whose.cursor.wasLike(record)) {
      const what = `${id} of ${whose.name} is told as ${JSON.stringify(record)}, which it never was`
      this.#wrong('presence', what, whose)
    }
  }
}
