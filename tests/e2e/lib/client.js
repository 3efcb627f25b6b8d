/* A client that speaks the protocol itself and writes down what it hears, in either encoding. */
import { decode, encode } from '@msgpack/msgpack'
import { applyObjectDiff } from '@tldraw/sync-core'
import { randomUUID } from 'node:crypto'
import { WebSocket } from 'ws'
import { noteSchema } from './schemas.js'
import { soon } from './wait.js'

export const PROTOCOL_VERSION = 8
export const SCHEMA = noteSchema.serialize()

export function connectUrl(roomd, room, { session = randomUUID(), readonly = false, objectAccess } = {}) {
  const query = new URLSearchParams({
    sessionId: session,
    ...(readonly ? { readonly: 1 } : {}),
    ...(objectAccess ? { objectAccess } : {}),
  })
  return `${roomd.ws}/connect/${encodeURIComponent(room)}?${query}`
}

export function connectMessage(rest = {}) {
  return {
    type: 'connect',
    connectRequestId: randomUUID(),
    lastServerClock: -1,
    protocolVersion: PROTOCOL_VERSION,
    schema: SCHEMA,
    ...rest,
  }
}

export function note(id, rest = {}) {
  return {
    id: `note:${id}`,
    typeName: 'note',
    x: 0,
    y: 0,
    text: '',
    props: { color: 'red' },
    tags: [],
    ...rest,
  }
}

export function putNote(id, rest) {
  return { [`note:${id}`]: ['put', note(id, rest)] }
}

export class Client {
  #socket
  #waiters = new Set()
  #clientClock = 0
  #pushed = new Map() // client clock to diff, until answered
  session
  binary
  heard = [] // messages in order; the events of `data` one by one
  records = new Map() // as the server says they are, presence included
  clock = -1
  closed = null // {code, reason} once closed; code 1005 stands for none

  /* Opens a socket and says nothing. */
  static async open(roomd, room, options = {}) {
    const client = new Client()
    client.session = options.session ?? randomUUID()
    client.binary = options.binary ?? false
    client.#socket = new WebSocket(connectUrl(roomd, room, { ...options, session: client.session }), {
      perMessageDeflate: false,
    })
    client.#socket.on('error', () => {}) // the close says it
    client.#socket.on('message', (bytes, isBinary) => client.#onMessage(bytes, isBinary))
    const opened = new Promise((resolve, reject) => {
      client.#socket.on('open', resolve)
      client.#socket.on('error', reject)
    })
    client.ended = new Promise((resolve) =>
      client.#socket.on('close', (code, reason) => resolve({ code, reason })),
    )
    client.ended.then(({ code, reason }) => client.#onClose(code, reason.toString()))
    await soon('an open WebSocket', opened)
    return client
  }

  /* Opens and shakes hands; `connect` holds members of the connect message. */
  static async connect(roomd, room, options = {}) {
    const client = await Client.open(roomd, room, options)
    await client.handshake(options.connect)
    return client
  }

  async handshake(rest) {
    const message = connectMessage(rest)
    this.send(message)
    return this.hear('connect', (m) => m.connectRequestId === message.connectRequestId)
  }

  #onMessage(bytes, isBinary) {
    const message = isBinary ? decode(bytes) : JSON.parse(bytes.toString())
    if (isBinary !== this.binary) {
      throw new Error(`an answer in the wrong encoding: ${JSON.stringify(message)}`)
    }
    for (const event of message.type === 'data' ? message.data : [message]) {
      this.#follow(event)
      this.heard.push(event)
      this.#waiters.forEach((waiter) => waiter.look(event))
    }
  }

  #onClose(code, reason) {
    this.closed = { code, reason }
    this.#waiters.forEach((waiter) => waiter.reject(new Error(`closed with ${code} ${reason}`)))
    this.#waiters.clear()
  }

  #follow(event) {
    if (event.type === 'connect') {
      if (event.hydrationType === 'wipe_all') {
        this.records.clear()
      }
      this.#apply(event.diff)
    } else if (event.type === 'patch') {
      this.#apply(event.diff)
    } else if (event.type === 'push_result') {
      const diff = this.#pushed.get(event.clientClock)
      this.#pushed.delete(event.clientClock)
      this.#apply(event.action === 'commit' ? diff : (event.action.rebaseWithDiff ?? {}))
    }
    this.clock = event.serverClock ?? this.clock
  }

  #apply(diff = {}) {
    for (const [id, [op, operand]] of Object.entries(diff)) {
      if (op === 'put') {
        this.records.set(id, operand)
      } else if (op === 'patch') {
        this.records.set(id, applyObjectDiff(this.records.get(id), operand))
      } else {
        this.records.delete(id)
      }
    }
  }

  send(message) {
    this.binary
      ? this.sendBytes(encode(message, { ignoreUndefined: true }))
      : this.sendText(JSON.stringify(message))
  }

  sendText(text) {
    this.#socket.send(text, { binary: false })
  }

  sendBytes(bytes) {
    this.#socket.send(bytes, { binary: true })
  }

  /* The first message of that type that `accept` takes, heard already or still to come. */
  hear(type, accept = () => true) {
    const fits = (event) => event.type === type && accept(event)
    const known = this.heard.find(fits)
    if (known || this.closed) {
      return known ?? Promise.reject(new Error(`closed with ${this.closed.code} ${this.closed.reason}`))
    }
    let waiter
    const heard = new Promise((resolve, reject) => {
      waiter = { look: (event) => fits(event) && resolve(event), reject }
      this.#waiters.add(waiter)
    })
    return soon(`a ${type}`, heard).finally(() => this.#waiters.delete(waiter))
  }

  /* Sends a push and returns the action of its result. `rest` holds its members, for instance
   * {diff, presence}. */
  async push(rest) {
    const { action } = await this.pushResult(rest)
    return action
  }

  pushResult(rest) {
    const clientClock = this.#clientClock++
    this.#pushed.set(clientClock, rest.diff)
    this.send({ type: 'push', clientClock, ...rest })
    return this.hear('push_result', (m) => m.clientClock === clientClock)
  }

  /* Waits until everything that was sent before is dealt with. */
  async ping() {
    const before = this.heard.length
    this.send({ type: 'ping' })
    return this.hear('pong', (m) => this.heard.indexOf(m) < 0 || this.heard.indexOf(m) >= before)
  }

  /* How the server closed it: {code, reason}. */
  async close() {
    await soon('the end of the connection', this.ended)
    return this.closed
  }

  leave() {
    this.#socket.close()
    return soon('the end of the connection', this.ended)
  }

  drop() {
    this.#socket.terminate()
  }

  /* Stops and resumes reading from the socket. */
  pause() {
    this.#socket.pause()
  }

  resume() {
    this.#socket.resume()
  }

  /* Documents as a plain object, to compare. */
  get documents() {
    return documentsIn(this.records)
  }
}

export function documentsIn(records) {
  const sorted = [...records].filter(([, record]) => !/presence$/.test(record.typeName)).sort()
  return Object.fromEntries(sorted)
}

/* What a newcomer is told: {clock, documents, presence}. */
export async function readRoom(roomd, room, options = {}) {
  const client = await Client.connect(roomd, room, { readonly: true, ...options })
  const presence = [...client.records.values()].filter((record) => /presence$/.test(record.typeName))
  const { clock, documents } = client
  await client.leave()
  return { clock, documents, presence }
}
