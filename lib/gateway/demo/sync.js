/* A client of the sync protocol in one class, RoomClient: it knows records and WebSockets and nothing
 * of pages. This is what to read (or take) when an app wants to talk to roomd without the tldraw SDK. */

import { applyOp, opBetween, outcome } from './diff.js'

const PROTOCOL_VERSION = 8
const FATAL_CLOSE = 4099 // the server will not have us, ever: the close reason says why
const PUSH_INTERVAL_MS = 1000 / 30
const PING_INTERVAL_MS = 5000
const SILENCE_LIMIT_MS = 10000
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 2000
const RETRY_FACTOR = 1.5
const CHUNK_LENGTH = 262144 // UTF-16 units; longer messages travel in pieces

/* One tab's membership of one room.
 *
 *   confirmed   what the server has told us, nothing else
 *     + queue   our pushes it has not answered yet, oldest first
 *     + dirty   records changed here since the last push
 *     = view    what the app reads; never edited in place, so identity tells what changed
 *
 * The server's word always goes in at the bottom, and what is still ours is played again on top of
 * it. So a local change shows at once, and gives way if the server decides otherwise. Offline is
 * the same thing taking longer: the queue turns into dirty records, and they are pushed after
 * hydration.
 *
 * Documents are stored. Presence (a cursor) lives as long as its session; each client has at most
 * one presence record, and sees those of the others among its records. */
export class RoomClient {
  #address
  #schema
  #documentTypes
  #socket = null
  #ready = false // the server has answered our connect
  #retry = null
  #retryMs = RETRY_MIN_MS
  #requestId = null
  #clock = -1 // of the last server message processed; -1 before the first
  #pushes = 0
  #confirmed = new Map()
  #queue = []
  #dirty = new Set()
  #view = new Map()
  #presence = null // what the others should see of us
  #presented = null // what we last sent of that; null on a new connection
  #flushTimer = null
  #flushedAt = -Infinity
  #heardAt = 0
  #pingedAt = 0
  #unansweredSince = null // when the oldest unanswered ping was sent

  /* `connecting`, `online`, `reconnecting` or `refused`; the last one is final. */
  state = 'connecting'
  /* Why we were refused: CLIENT_TOO_OLD, INVALID_RECORD, FORBIDDEN, ROOM_FULL, ... */
  reason = null
  /* The server skips our changes to documents. Presence still works. */
  readonly = false

  onChange = () => {} // the records changed, by us or by others
  onStatus = () => {} // state, reason, readonly or saved changed

  /* `address` is the room's, with a sessionId that stays the same while the tab lives, so that the
   * server knows a returning session. Everyone in a room must bring the same `schema`, and a
   * version in it goes up when the shape of a record changes. `documentTypes` are the record types
   * to be stored; records of any other type are somebody's presence. */
  constructor({ address, schema, documentTypes }) {
    this.#address = address
    this.#schema = schema
    this.#documentTypes = new Set(documentTypes)
    addEventListener('online', () => this.#retryNow())
    document.addEventListener('visibilitychange', () => this.#retryNow())
    addEventListener('pagehide', () => this.#flush())
    setInterval(() => this.#checkHealth(), 1000)
    this.#connect()
  }

  /* ---- What the app uses ---- */

  /* All records, documents and the presence of the others. Treat them as frozen. */
  records() {
    return [...this.#view.values()]
  }

  get(id) {
    return this.#view.get(id)
  }

  /* Everything changed here is confirmed, which on roomd means: durable. */
  get saved() {
    return this.#dirty.size === 0 && this.#queue.every((push) => !push.diff)
  }

  put(record) {
    this.#edit(record.id, record)
  }

  update(id, members) {
    const record = this.#view.get(id)
    if (record) {
      this.#edit(id, { ...record, ...members })
    }
  }

  remove(id) {
    if (this.#view.has(id)) {
      this.#edit(id, undefined)
    }
  }

  /* Shows the others `record`; the server replaces its id and typeName by its own. */
  present(record) {
    this.#presence = record
    this.#scheduleFlush()
  }

  #edit(id, record) {
    this.#setView(id, record)
    this.#dirty.add(id)
    this.#scheduleFlush()
    this.onChange()
    this.onStatus()
  }

  /* ---- The connection ---- */

  #connect() {
    this.#retry = null
    this.#heardAt = Date.now()
    const socket = new WebSocket(this.#address)
    this.#socket = socket
    socket.onopen = () => {
      this.#requestId = randomId()
      this.#send({
        type: 'connect',
        connectRequestId: this.#requestId,
        schema: this.#schema,
        protocolVersion: PROTOCOL_VERSION,
        lastServerClock: this.#clock,
      })
    }
    socket.onmessage = (event) => {
      try {
        this.#receive(JSON.parse(event.data))
      } catch (error) {
        console.warn('the server said something unexpected, connecting anew:', error)
        this.#drop()
      }
    }
    socket.onclose = (event) => {
      if (event.code === FATAL_CLOSE) {
        this.#refuse(event.reason)
      } else {
        this.#drop()
      }
    }
  }

  /* Leaves the socket, whatever state it is in, and comes back later. A socket on a dead network
   * can take minutes to report its end, so its handlers go first. */
  #drop() {
    const wasReady = this.#ready
    this.#leave()
    this.#setStatus(wasReady || this.state === 'reconnecting' ? 'reconnecting' : 'connecting')
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.#connect(), this.#retryMs * (0.75 + Math.random() / 2))
    this.#retryMs = Math.min(this.#retryMs * RETRY_FACTOR, RETRY_MAX_MS)
  }

  #refuse(reason) {
    this.#leave()
    this.reason = reason || 'UNKNOWN_ERROR'
    this.#setStatus('refused')
  }

  #leave() {
    const socket = this.#socket
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
    this.#ready = false
    this.#requestId = null
    this.#presented = null
    this.#unansweredSince = null
    /* Whether the server got these we cannot know. They become ordinary unsent changes: where it
     * did get them, hydration brings them back and pushing them again changes nothing. */
    for (const push of this.#queue) {
      Object.keys(push.diff ?? {}).forEach((id) => this.#dirty.add(id))
    }
    this.#queue = []
    for (const [id, record] of this.#confirmed) {
      if (!this.#isDocument(record)) {
        this.#confirmed.delete(id)
        this.#view.delete(id)
      }
    }
    this.onChange()
  }

  #retryNow() {
    if (this.#retry && document.visibilityState === 'visible') {
      clearTimeout(this.#retry)
      this.#retryMs = RETRY_MIN_MS
      this.#connect()
    }
  }

  /* Silence alone proves nothing: timers of a hidden tab sleep, and then we did not ask either.
   * What counts is a ping that stayed without any answer. A handshake has to be over by then,
   * too. */
  #checkHealth() {
    const now = Date.now()
    if (this.#retry || this.state === 'refused') {
      return
    }
    const asked = this.#ready ? this.#unansweredSince : this.#heardAt
    if (
      asked !== null &&
      now - asked >= SILENCE_LIMIT_MS &&
      now - this.#heardAt >= SILENCE_LIMIT_MS
    ) {
      this.#drop()
    } else if (this.#ready && now - this.#pingedAt >= PING_INTERVAL_MS) {
      this.#pingedAt = now
      this.#unansweredSince ??= now
      this.#send({ type: 'ping' })
    }
  }

  #send(message) {
    chunks(JSON.stringify(message)).forEach((chunk) => this.#socket.send(chunk))
  }

  /* ---- From the server ---- */

  #receive(message) {
    this.#heardAt = Date.now()
    this.#unansweredSince = null
    switch (message.type) {
      case 'connect':
        if (message.connectRequestId === this.#requestId) {
          this.#hydrate(message)
        }
        break
      case 'data':
        if (this.#ready) {
          this.#rebase(message.data)
        }
        break
      case 'pong':
      case 'custom': // what a server may tell its own app; this one has no use for it
        break
      default:
        throw new Error(`message of type ${message.type}`)
    }
  }

  /* The first message of a connection: everything (wipe_all), or what changed since our clock. */
  #hydrate(message) {
    const ours = this.#unsentDiff()
    for (const [id, record] of this.#confirmed) {
      if (message.hydrationType === 'wipe_all' || !this.#isDocument(record)) {
        this.#confirmed.delete(id)
      }
    }
    this.#confirm(message.diff)
    this.#clock = message.serverClock
    this.#view = new Map(this.#confirmed)
    for (const [id, op] of Object.entries(ours)) {
      this.#setView(id, applyOp(this.#view.get(id), op))
    }
    this.#requestId = null
    this.#ready = true
    this.#pingedAt = Date.now()
    this.#retryMs = RETRY_MIN_MS
    this.readonly = message.isReadonly
    this.#flush()
    this.#setStatus('online')
    this.onChange()
  }

  /* Changes of others and answers to our pushes, in the order in which they happened. */
  #rebase(events) {
    const ours = this.#unsentDiff()
    const touched = new Set(Object.keys(ours))
    for (const event of events) {
      let diff = event.diff
      if (event.type === 'push_result') {
        const push = this.#queue.shift()
        if (push?.clientClock !== event.clientClock) {
          throw new Error('the answer to another push than our oldest one')
        }
        Object.keys(push.diff ?? {}).forEach((id) => touched.add(id))
        diff = outcome(push, event.action)
      }
      Object.keys(diff).forEach((id) => touched.add(id))
      this.#confirm(diff)
      this.#clock = event.serverClock
    }
    for (const id of touched) {
      const sent = this.#sent(id)
      this.#setView(id, ours[id] ? applyOp(sent, ours[id]) : sent)
    }
    this.#scheduleFlush() // somebody may have come who does not know our presence
    this.onStatus()
    this.onChange()
  }

  #confirm(diff) {
    for (const [id, op] of Object.entries(diff)) {
      const record = applyOp(this.#confirmed.get(id), op)
      if (record) {
        this.#confirmed.set(id, record)
      } else {
        this.#confirmed.delete(id)
      }
    }
  }

  /* ---- To the server ---- */

  #scheduleFlush() {
    if (this.#flushTimer === null) {
      const wait = Math.max(0, this.#flushedAt + PUSH_INTERVAL_MS - Date.now())
      this.#flushTimer = setTimeout(() => this.#flush(), wait)
    }
  }

  #flush() {
    clearTimeout(this.#flushTimer)
    this.#flushTimer = null
    if (!this.#ready) {
      return
    }
    const push = { type: 'push', clientClock: this.#pushes }
    const diff = this.#unsentDiff()
    if (Object.keys(diff).length > 0) {
      push.diff = diff
    }
    const presence = this.#presenceOp()
    if (presence) {
      push.presence = presence
      this.#presented = this.#presence
    }
    this.#dirty.clear()
    if (push.diff || push.presence) {
      this.#pushes += 1
      this.#queue.push(push)
      this.#flushedAt = Date.now()
      this.#send(push)
    }
  }

  /* Whole at first, differences afterwards, and nothing while nobody is there to see it. */
  #presenceOp() {
    if (!this.#presence || !this.#presented) {
      return this.#presence && ['put', this.#presence]
    }
    const alone = this.records().every((record) => this.#isDocument(record))
    return alone ? null : opBetween(this.#presented, this.#presence)
  }

  /* ---- The layers ---- */

  /* A record as it will be once all our pushes are committed. */
  #sent(id) {
    return this.#queue.reduce(
      (record, push) => (push.diff?.[id] ? applyOp(record, push.diff[id]) : record),
      this.#confirmed.get(id),
    )
  }

  #unsentDiff() {
    const diff = Object.create(null) // ids are anybody's: `constructor` must find nothing inherited
    for (const id of this.#dirty) {
      const op = opBetween(this.#sent(id), this.#view.get(id))
      if (op) {
        diff[id] = op
      }
    }
    return diff
  }

  #setView(id, record) {
    if (record) {
      this.#view.set(id, record)
    } else {
      this.#view.delete(id)
    }
  }

  #isDocument(record) {
    return this.#documentTypes.has(record.typeName)
  }

  #setStatus(state) {
    this.state = state
    this.onStatus()
  }
}

/* A long message is cut from its end, and each piece says how many are still to come: 2_ 1_ 0_. A
 * cut must not part a surrogate pair, which WebSocket could not carry in halves. */
function chunks(text) {
  if (text.length < CHUNK_LENGTH) {
    return [text]
  }
  const pieces = []
  let end = text.length
  while (end > 0) {
    const prefix = `${pieces.length}_`
    let start = Math.max(0, end - Math.max(1, CHUNK_LENGTH - prefix.length))
    if (/[\udc00-\udfff]/.test(text[start]) && /[\ud800-\udbff]/.test(text[start - 1] ?? '')) {
      start += 1
    }
    pieces.unshift(prefix + text.slice(start, end))
    end = start
  }
  return pieces
}

/* Not crypto.randomUUID, which only exists on https and localhost. */
export function randomId(length = 16) {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (n) => letters[n % 32]).join('')
}
