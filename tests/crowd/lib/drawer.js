/* A client that draws: what a client of tldraw's does on the wire, and nothing besides. It connects, says
 * which clock it is at, pushes, takes answers in order, comes back after 0.5 s and more when its connection
 * ends, and pushes again what had no answer and is not in the room.
 *
 * It checks all that it is told, and gives it to its room's history. */
import { connectMessage } from '../../e2e/lib/client.js'
import { decode, encode } from '../../e2e/lib/wire.js'
import { outcomeOf } from './history.js'
import { Cursor, Drawing } from './drawing.js'
import { Socket } from './socket.js'
import { Trace } from './trace.js'
import { View } from './view.js'

const PING_MS = 5000
const SILENCE_MS = 10000 // after which the client takes its connection for dead
const BACK_OFF_MS = 500
const BACK_OFF_FACTOR = 1.5
const BACK_OFF_MOST_MS = 2000
const OPENING_MS = 15000
const CHUNK_CHARACTERS = 262144
const PENDING_MOST = 40
const TOMBSTONES_MOST = 4000 // the room forgets after 5000, and may then send all of itself

export class Drawer {
  #crowd
  #room
  #random
  #socket = null
  #state = 'away' // 'opening', 'greeting', 'online'
  #request = null // id of the connect message under way
  #backOff = BACK_OFF_MS
  #backAt = Infinity // when it connects again
  #openedAt = 0
  #heardAt = 0
  #pingedAt = 0
  #pingOpen = false
  #clientClock = 0
  #seq = 0
  #drawAt = Infinity
  #binary
  #readonly
  #session
  endedAt = -Infinity // when its connection ended last without its doing
  pending = [] // {clientClock, seq, diff, presence, at, sent}
  view // what it has been told
  own = new Map() // own records as they are by what was acknowledged
  cursor
  drawing
  trace = new Trace()

  /* `room` {name, history, removes, drawers}; `binary`: speaks msgpack. */
  constructor(crowd, room, name, random, { binary = false, readonly = false } = {}) {
    this.#crowd = crowd
    this.#room = room
    this.#random = random
    this.#binary = binary
    this.#readonly = readonly
    this.name = name
    this.#session = `${name}-0`
    this.view = new View(room, (...what) => this.#wrong(...what))
    this.cursor = readonly ? null : new Cursor(name)
    this.drawing = new Drawing(name, random)
  }

  get isOnline() {
    return this.#state === 'online'
  }

  get isSettled() {
    return this.isOnline && this.pending.length === 0
  }

  get room() {
    return this.#room
  }

  #wrong(check, what, ...others) {
    const where = `${this.#session} in ${this.#room.name} at ${this.view.clock}`
    this.#crowd.report(check, `${where}: ${what}`, this, ...others)
  }

  // ---- connection ----

  connect() {
    const query = `sessionId=${encodeURIComponent(this.#session)}${this.#readonly ? '&readonly=1' : ''}`
    const socket = new Socket(this.#crowd.address, `/connect/${this.#room.name}?${query}`, {
      onOpen: () => this.#onOpen(),
      onMessage: (bytes, isBinary) => this.#onMessage(bytes, isBinary),
      onEnd: (how) => this.#onEnd(socket, how),
    })
    this.#socket = socket
    this.#state = 'opening'
    this.#openedAt = this.#crowd.now()
    this.trace.add('connect')
  }

  #onOpen() {
    const message = connectMessage({ lastServerClock: this.view.clock })
    this.#state = 'greeting'
    this.#request = message.connectRequestId
    this.#heardAt = this.#pingedAt = this.#crowd.now()
    this.#pingOpen = false
    this.#send(message)
  }

  /* The socket ended without our doing. */
  #onEnd(socket, { code, reason, opened }) {
    if (socket !== this.#socket) {
      return
    }
    const wasOnline = this.isOnline
    this.trace.add('closed', code, reason)
    this.#away(this.#backOff)
    this.#backOff = Math.min(this.#backOff * BACK_OFF_FACTOR, BACK_OFF_MOST_MS)
    if (opened) {
      this.#crowd.onEnd(this, { session: this.#session, room: this.#room.name, code, reason, wasOnline })
    } else {
      this.#crowd.figures.refused++
    }
  }

  #away(forMs) {
    this.#socket = null
    this.#state = 'away'
    this.#request = null
    this.#backAt = this.#crowd.now() + forMs
  }

  /* The network goes away, for a moment. */
  drop() {
    if (this.#socket) {
      this.trace.add('drop')
      this.#socket.drop()
      this.#away(this.#random.below(1500))
    }
  }

  /* Goes for good; somebody new comes in its place. Only when settled: what has no answer would be lost. */
  leaveAndReturn() {
    if (this.isSettled) {
      this.trace.add('leave')
      this.#socket.leave()
      this.#session = `${this.name}-${this.#session.split('-').at(-1) * 1 + 1}`
      this.#away(this.#random.below(500))
      this.view.clock = -1
    }
  }

  leave() {
    this.#socket?.leave()
    this.#socket = null
    this.#state = 'away'
    this.#backAt = Infinity
    this.#drawAt = Infinity
  }

  /* Reads nothing for a while. */
  sleep(ms) {
    const socket = this.#socket
    if (socket && this.isOnline) {
      this.trace.add('sleep', ms)
      socket.pause()
      setTimeout(() => socket.resume(), ms)
    }
  }

  /* Time has passed. */
  tick(now) {
    switch (this.#state) {
      case 'away':
        if (now >= this.#backAt) {
          this.connect()
        }
        break
      case 'opening':
        if (now - this.#openedAt > OPENING_MS) {
          this.#giveUp('no answer to a handshake')
        }
        break
      case 'greeting':
      case 'online':
        this.#listen(now)
        if (this.isOnline && now >= this.#drawAt) {
          this.#draw(now)
        }
        break
    }
  }

  /* As a client looks whether its connection still lives. */
  #listen(now) {
    if (this.isOnline && now - this.#pingedAt > PING_MS && !this.#pingOpen) {
      this.#pingedAt = now
      this.#pingOpen = true
      this.#send({ type: 'ping' })
    } else if (now - this.#heardAt > SILENCE_MS && now - this.#pingedAt > SILENCE_MS) {
      this.#giveUp('nothing heard')
    }
  }

  #giveUp(why) {
    this.trace.add('gives up', why)
    this.#socket.drop()
    const wasOnline = this.isOnline
    this.#crowd.onEnd(this, { session: this.#session, room: this.#room.name, why, wasOnline })
    this.#away(this.#backOff)
  }

  // ---- to the server ----

  #send(message) {
    if (this.#binary) {
      this.#socket.sendBytes(encode(message, { ignoreUndefined: true }))
      return
    }
    const text = JSON.stringify(message)
    if (text.length < CHUNK_CHARACTERS) {
      this.#socket.sendText(text)
      return
    }
    const parts = []
    for (let end = text.length; end > 0; ) {
      const prefix = `${parts.length}_`
      const start = Math.max(0, end - (CHUNK_CHARACTERS - prefix.length))
      parts.unshift(prefix + text.slice(start, end))
      end = start
    }
    parts.forEach((part) => this.#socket.sendText(part))
  }

  /* From now on draws about `perSecond` times a second; 0: no more. */
  drawAt(perSecond, now) {
    this.interval = perSecond > 0 ? 1000 / perSecond : Infinity
    this.#drawAt = perSecond > 0 ? now + this.#random.below(this.interval) : Infinity
  }

  /* Draws once more, within that time: so that something of it is under way. */
  drawWithin(ms, now) {
    this.#drawAt = Math.min(this.#drawAt, now + this.#random.below(ms))
  }

  #draw(now) {
    this.#drawAt = now + this.interval * (0.5 + this.#random.unit())
    if (this.pending.length >= PENDING_MOST) {
      return
    }
    const isCursorOnly = this.#random.chance(0.3) && this.#seq > 0
    const push = { clientClock: this.#clientClock++, seq: 0, diff: undefined, presence: undefined, at: now }
    if (!isCursorOnly) {
      push.seq = ++this.#seq
      push.diff = this.drawing.diff(push.seq, this.view.docs, this.#crowd.allowBig)
    }
    if (isCursorOnly || this.#random.chance(0.6)) {
      push.presence = this.cursor.move(this.#random)
    }
    this.pending.push(push)
    this.#push(push)
  }

  #push({ clientClock, diff, presence, seq }) {
    this.trace.add('push', clientClock, seq, presence, diff)
    this.#send({ type: 'push', clientClock, diff, presence })
    this.#crowd.figures.pushed++
  }

  // ---- from the server ----

  #onMessage(bytes, isBinary) {
    const message = isBinary ? decode(bytes) : JSON.parse(bytes.toString())
    this.#heardAt = this.#crowd.now()
    this.#crowd.figures.heard++
    if (isBinary !== this.#binary) {
      this.#wrong('protocol', 'an answer in the other encoding')
    }
    switch (message.type) {
      case 'connect':
        this.#onConnect(message)
        break
      case 'data':
        message.data.forEach((event) => this.#onEvent(event))
        break
      case 'pong':
        this.#pingOpen = false
        break
      default:
        this.#wrong('protocol', `a message ${JSON.stringify(message).slice(0, 200)}`)
    }
  }

  #onConnect({ connectRequestId, hydrationType, diff, serverClock }) {
    if (connectRequestId !== this.#request) {
      this.#wrong('protocol', 'an answer to another connect message')
      return
    }
    this.trace.add('connected', serverClock, hydrationType)
    const isWhole = hydrationType === 'wipe_all'
    if (serverClock < this.view.clock) {
      this.#wrong('clock', `the room is at ${serverClock} after a new connection`)
    } else if (isWhole && this.view.clock >= 0 && this.#room.removes < TOMBSTONES_MOST) {
      this.#wrong('clock', `all of the room at ${serverClock} instead of what is new`)
    }
    isWhole && this.view.docs.clear()
    this.view.presences.clear()
    const docs = this.view.apply(diff)
    const told = isWhole ? [...this.view.docs] : docs
    this.#room.history.claim(this.view.clock, serverClock, told, this.#session, isWhole)
    this.view.clock = serverClock
    this.#request = null
    this.#state = 'online'
    this.#backOff = BACK_OFF_MS
    this.#readonly || this.#pushAgain()
  }

  /* Drops what the room has of what had no answer, and pushes the rest: first the cursor, whole. */
  #pushAgain() {
    const reached = this.view.docs.get(this.drawing.counter)?.x ?? 0
    const old = this.pending.filter(({ seq }) => seq > 0)
    this.pending = []
    for (const push of old) {
      if (push.seq <= reached) {
        this.#settle(push)
      }
    }
    const now = this.#crowd.now()
    const whole = { clientClock: this.#clientClock++, seq: 0, presence: this.cursor.whole(), at: now }
    const again = old.filter(({ seq }) => seq > reached)
    for (const push of [whole, ...again.map((push) => ({ ...push, presence: undefined }))]) {
      push.clientClock = push === whole ? push.clientClock : this.#clientClock++
      this.pending.push(push)
      this.#push(push)
    }
  }

  #onEvent(event) {
    if (this.#state !== 'online') {
      this.#wrong('protocol', `${event.type} before the answer to connect`)
    } else if (event.type === 'patch') {
      this.#crowd.figures.patches++
      this.#follow(event.serverClock, this.view.apply(event.diff), null)
      this.trace.add('patch', event.serverClock, event.diff)
    } else if (event.type === 'push_result') {
      this.#onResult(event)
    } else {
      this.#wrong('protocol', `an event ${JSON.stringify(event).slice(0, 200)}`)
    }
  }

  /* The clock after an event that brought `docs`; `push`: it was the answer to that. */
  #follow(clock, docs, push) {
    if (clock < this.view.clock) {
      this.#wrong('clock', `it goes back to ${clock}`)
    } else if (docs.length === 0 && clock > this.view.clock) {
      this.#wrong('clock', `${clock} without what happened`)
    } else if (docs.length > 0 && clock === this.view.clock) {
      this.#wrong('clock', `changes of ${docs.map(([id]) => id)} without a clock of theirs`)
    } else if (docs.length > 0 && clock === this.view.clock + 1) {
      this.#room.history.change(clock, docs, this.#session, push && { session: this.#session, seq: push.seq })
    } else if (docs.length > 0) {
      this.#crowd.figures.sums++
      this.#room.history.claim(this.view.clock, clock, docs, this.#session)
    }
    this.view.clock = clock
  }

  #onResult({ clientClock, serverClock, action }) {
    const push = this.pending[0]
    this.trace.add('result', clientClock, serverClock, action)
    if (clientClock !== push?.clientClock) {
      this.#wrong('once', `an answer to ${clientClock}, while ${push?.clientClock ?? 'nothing'} waits`)
      return
    }
    this.pending.shift()
    const isCommit = action === 'commit'
    const effect = isCommit ? push.diff : action.rebaseWithDiff
    this.#follow(serverClock, this.view.apply(effect), push)
    this.#crowd.figures.rebased += !isCommit && action !== 'discard'
    if (push.seq === 0 && !isCommit) {
      this.#wrong('once', `${JSON.stringify(action)} for a cursor`)
    } else if (push.seq > 0 && !((this.view.docs.get(this.drawing.counter)?.x ?? 0) >= push.seq)) {
      this.#wrong('lost', `${JSON.stringify(action).slice(0, 200)} for push ${push.seq}, which is not there`)
    }
    this.#settle(push)
  }

  /* A push is in the room. */
  #settle(push) {
    this.#crowd.onAnswer(this, push)
    for (const [id, op] of Object.entries(push.diff ?? {})) {
      this.#room.removes += op[0] === 'remove'
      if (this.drawing.isOwn(id)) {
        const [[, record]] = outcomeOf(this.own, { [id]: op })
        record === null ? this.own.delete(id) : this.own.set(id, record)
      }
    }
  }
}
