/* The original's sync client, wired as its React hook wires it: a store, a ClientWebSocketAdapter, a
 * TLSyncClient. What a browser has and Node has not is stood in for first. */
import assert from 'node:assert/strict'
import { setMaxListeners } from 'node:events'
import { WebSocket } from 'ws'

globalThis.window ??= Object.assign(new EventTarget(), { devicePixelRatio: 1 })
globalThis.document ??= Object.assign(new EventTarget(), { hidden: false })
setMaxListeners(0, window, document) // each client listens
globalThis.navigator ??= {}
globalThis.requestAnimationFrame ??= (callback) => setTimeout(callback, 1000 / 60)
globalThis.cancelAnimationFrame ??= clearTimeout
globalThis.WebSocket = WebSocket

const { decode, encode } = await import('@msgpack/msgpack')
const { atom } = await import('@tldraw/state')
const { Store } = await import('@tldraw/store')
const { ClientWebSocketAdapter, TLSyncClient, getNetworkDiff } = await import('@tldraw/sync-core')
const { connectUrl, documentsIn } = await import('./client.js')
const { PATIENCE_MS, soon, until } = await import('./wait.js')

globalThis.__TLDRAW_LIBRARY_VERSIONS__.didWarn = true // several releases in one process are meant here

/* What a client is made of in the newest release; `releases.js` has older ones. */
export const newest = { ClientWebSocketAdapter, Store, TLSyncClient, atom }

/* The same messages in msgpack. */
const inBinary = (Adapter) =>
  class extends Adapter {
    _setNewSocket(socket) {
      super._setNewSocket(socket)
      socket.onmessage = ({ data }) => {
        const message = decode(data)
        this.messageListeners.forEach((listener) => listener(message))
      }
    }

    sendMessage(message) {
      if (this._ws && this.connectionStatus === 'online') {
        this._ws.send(encode(message, { ignoreUndefined: true }))
      }
    }
  }

const clients = new Set()
const warn = console.warn
const complain = console.error

/* The client reports through the console what it did not expect from the server. None of that may
 * happen here; that the connection was lost may. */
export const complaints = []
console.error = (...args) => {
  complaints.push(args.map((arg) => arg?.stack ?? String(arg)).join(' '))
  complain(...args)
}
console.warn = (...args) => {
  if (!/Could not open WebSocket|Haven't heard from the server|Tried to send message while/.test(args[0])) {
    complaints.push(args.map(String).join(' '))
    warn(...args)
  }
}

export class SyncClient {
  #adapter
  #client
  store
  presence
  failure = null // what it was turned away for
  losses = 0 // connections that ended

  /* Options: schema, props (the store's), binary, session, objectAccess, presence (the first record of
   * it), onCustomMessage, release. */
  constructor(roomd, room, options) {
    const { schema, props = {}, binary = false, presence, onCustomMessage, release = newest } = options
    this.store = new release.Store({ schema, props })
    this.presence = release.atom('presence', presence)
    const url = connectUrl(roomd, room, options)
    const Adapter = release.ClientWebSocketAdapter
    this.#adapter = new (binary ? inBinary(Adapter) : Adapter)(() => url)
    this.#adapter.onStatusChange(({ status }) => {
      this.losses += status === 'offline' || status === 'error'
    })
    this.loaded = new Promise((resolve) => {
      this.#client = new release.TLSyncClient({
        store: this.store,
        socket: this.#adapter,
        presence: this.presence,
        presenceMode: release.atom('presence mode', 'full'),
        onLoad: resolve,
        onCustomMessageReceived: onCustomMessage,
        onSyncError: (reason) => (this.failure = reason),
      })
    })
    clients.add(this)
  }

  /* Once it has the room. */
  ready() {
    return soon('a loaded client', this.loaded)
  }

  /* The reason for which it was turned away, once it is. */
  refused() {
    return until('a client turned away', () => this.failure)
  }

  /* Waits until it has that record under that id; null: none. */
  sees(id, record) {
    return until(`${id} as it should be`, () => {
      assert.deepEqual(this.store.get(id) ?? null, record)
      return true
    })
  }

  /* Changes some of a shape's props. */
  editProps(id, props) {
    this.store.update(id, (shape) => ({ ...shape, props: { ...shape.props, ...props } }))
  }

  /* The network goes away for a moment; the client comes back by itself. */
  drop() {
    this.#adapter._ws?.terminate()
  }

  /* Nothing of its own is on the way any more. A change there and back is kept by the client, and never
   * sent. */
  get isSettled() {
    this.store._flushHistory()
    const { pendingPushRequests, unsentChanges, isConnectedToRoom, incomingDiffBuffer } = this.#client
    return (
      isConnectedToRoom &&
      pendingPushRequests.length === 0 &&
      incomingDiffBuffer.length === 0 &&
      !(unsentChanges.nextDiff && getNetworkDiff(unsentChanges.nextDiff)) &&
      !unsentChanges.nextPresence
    )
  }

  get documents() {
    return documentsIn(Object.entries(this.store.serialize('document')))
  }

  /* Others' presence without its ids, in an order that does not depend on them. */
  get others() {
    const records = Object.values(this.store.serialize('presence'))
    return records.map(({ id, ...rest }) => JSON.stringify(rest)).sort()
  }

  close() {
    clients.delete(this)
    this.#client.close()
    this.#adapter.close()
  }
}

export function closeAll() {
  clients.forEach((client) => client.close())
}

/* Waits until all have the same documents, and the presence of all the others. */
export async function converge(syncClients, within = PATIENCE_MS) {
  const sorted = (client) => JSON.stringify(sortMembers(client.documents))
  await until(
    'all clients settled and equal',
    () => {
      const failed = syncClients.find((client) => client.failure)
      if (failed) {
        throw new Error(`a client gave up: ${failed.failure}`)
      }
      if (!syncClients.every((client) => client.isSettled)) {
        throw new Error(`settled: ${syncClients.map((client) => client.isSettled)}`)
      }
      const texts = syncClients.map(sorted)
      const other = texts.find((text) => text !== texts[0])
      if (other) {
        throw new Error(`they differ: ${firstDifference(texts[0], other)}`)
      }
      return true
    },
    within,
  )
  return syncClients[0].documents
}

function firstDifference(a, b) {
  let at = 0
  while (a[at] === b[at]) {
    at++
  }
  const around = (text) => text.slice(Math.max(0, at - 100), at + 100)
  return `${around(a)} and ${around(b)}`
}

/* Members in the order of their names, at all depths: member order means nothing. */
export function sortMembers(value) {
  if (Array.isArray(value)) {
    return value.map(sortMembers)
  }
  if (value === null || typeof value !== 'object') {
    return value
  }
  const names = Object.keys(value).sort()
  return Object.fromEntries(names.map((name) => [name, sortMembers(value[name])]))
}
