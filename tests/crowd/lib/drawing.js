/* What a drawing client pushes, chosen so that a push that is lost, applied twice or applied late shows.
 *
 * Each push sets the client's own counter to its number, which only grows; beside that it makes, changes
 * and removes records of its own, which nobody else touches (a late one would bring a removed one back),
 * and records that all in the room share: a field that the last one sets, a text and a list that all add
 * to, a record that is removed and made again. */
import { note } from '../../e2e/lib/client.js'

const OWN_MOST = 8
const SHARED_TEXT_MOST = 600 // characters; then it begins anew
const SHARED_LIST_MOST = 40
const CHAT_MOST = 12
const STATES_KEPT = 300
const BIG_CHARACTERS = 300_000 // more than a chunk

export const SHARED = { text: 'note:shared-text', place: 'note:shared-place', coming: 'note:shared-coming' }

export class Drawing {
  #random
  #name
  #own = [] // ids of records that exist, or will when all is answered
  #big = null // the id of one that is to be removed soon

  constructor(name, random) {
    this.#name = name
    this.#random = random
    this.counter = `note:counter-${name}`
  }

  isOwn(id) {
    return id === this.counter || id.startsWith(`note:own-${this.#name}-`)
  }

  /* The diff of push number `seq`, for a client that has been told `docs`. */
  diff(seq, docs, allowBig) {
    const diff = { [this.counter]: ['patch', { x: ['put', seq] }] }
    if (seq === 1) {
      diff[this.counter] = ['put', note(this.counter.slice(5), { x: 1 })]
    }
    const what = this.#random.below(100)
    if (this.#big) {
      diff[this.#big] = ['remove']
      this.#big = null
    } else if (allowBig && what === 0) {
      this.#big = `note:own-${this.#name}-${seq}`
      diff[this.#big] = ['put', note(this.#big.slice(5), { text: 'big'.repeat(BIG_CHARACTERS / 3) })]
    } else if (what < 30 || this.#own.length < 2) {
      this.#make(diff, seq)
    } else if (what < 45 || this.#own.length > OWN_MOST) {
      diff[this.#own.splice(this.#random.below(this.#own.length), 1)[0]] = ['remove']
    } else if (what < 55) {
      const id = this.#random.pick(this.#own) // over one that is there: the answer is a rebase
      diff[id] = ['put', note(id.slice(5), { x: seq, text: 'over' })]
    } else if (what < 65) {
      const members = { y: ['put', seq], props: ['patch', { label: ['put', `${seq}`] }] }
      diff[this.#random.pick(this.#own)] = ['patch', members]
    } else {
      this.#share(diff, seq, docs)
    }
    return diff
  }

  #make(diff, seq) {
    const id = `note:own-${this.#name}-${seq}`
    this.#own.push(id)
    diff[id] = ['put', note(id.slice(5), { x: seq, text: `${this.#name} ${seq}` })]
  }

  #share(diff, seq, docs) {
    const mark = `${this.#name}.${seq} `
    const id = this.#random.pick(Object.values(SHARED))
    const record = docs.get(id)
    if (!record) {
      diff[id] = ['put', note(id.slice(5), { text: mark })]
    } else if (id === SHARED.coming) {
      diff[id] = ['remove']
    } else if (id === SHARED.place) {
      diff[id] = ['patch', { x: ['put', seq], props: ['patch', { color: ['put', mark] }] }]
    } else if (this.#random.chance(0.5)) {
      const isFull = record.text.length > SHARED_TEXT_MOST
      diff[id] = ['patch', { text: isFull ? ['put', mark] : ['append', mark, record.text.length] }]
    } else {
      const isFull = record.tags.length > SHARED_LIST_MOST
      diff[id] = ['patch', { tags: isFull ? ['put', [mark]] : ['append', [mark], record.tags.length] }]
    }
  }
}

/* A cursor, and a chat message that grows: as a patch against what was pushed before, as a client does. */
export class Cursor {
  #chats = new Map([[0, '']]) // x to what was said there: no two states have the same x
  record

  constructor(name) {
    this.record = { id: 'presence:x', typeName: 'presence', name, cursor: { x: 0, y: 0 }, chat: '' }
  }

  /* Whether it has ever been like that; of long ago nobody knows. */
  wasLike({ cursor, chat }) {
    const said = this.#chats.get(cursor.x)
    return said === chat || (said === undefined && cursor.x < this.record.cursor.x - STATES_KEPT)
  }

  /* Moves, and returns the presence member of a push. */
  move(random) {
    const { cursor, chat } = this.record
    const x = cursor.x + 1
    const patch = { cursor: ['patch', { x: ['put', x] }] }
    let said = chat
    if (chat.length >= CHAT_MOST) {
      said = ''
      patch.chat = ['put', '']
    } else if (random.chance(0.3)) {
      said = `${chat}${x % 10}`
      patch.chat = ['append', `${x % 10}`, chat.length]
    }
    this.record = { ...this.record, cursor: { ...cursor, x }, chat: said }
    this.#chats.set(x, said)
    this.#chats.delete(x - STATES_KEPT - 1)
    return ['patch', patch]
  }

  whole() {
    return ['put', this.record]
  }
}
