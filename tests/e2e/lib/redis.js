/* A Redis connection that hands out bytes as they are: snapshots are no text. RESP2, and only what
 * the tests need of it. */
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { soon } from './wait.js'

const CRLF = Buffer.from('\r\n')

/* Reads one reply at `at`; undefined while it is not complete. */
function parse(bytes, at) {
  const eol = bytes.indexOf(CRLF, at)
  if (eol < 0) {
    return undefined
  }
  const line = bytes.toString('utf8', at + 1, eol)
  const next = eol + 2
  switch (bytes[at]) {
    case 0x2b: // +
      return { value: Buffer.from(line), next }
    case 0x2d: // -
      return { value: new Error(line), next }
    case 0x3a: // :
      return { value: Number(line), next }
    case 0x24: {
      // $
      const length = Number(line)
      if (length < 0) {
        return { value: null, next }
      }
      const end = next + length
      return bytes.length < end + 2 ? undefined : { value: bytes.subarray(next, end), next: end + 2 }
    }
    case 0x2a: {
      // *
      const items = []
      let position = next
      for (let i = 0; i < Number(line); i++) {
        const item = parse(bytes, position)
        if (!item) {
          return undefined
        }
        items.push(item.value)
        position = item.next
      }
      return { value: items, next: position }
    }
    default:
      throw new Error(`not a Redis reply: ${line}`)
  }
}

function toText(value) {
  return Array.isArray(value) ? value.map(toText) : Buffer.isBuffer(value) ? value.toString() : value
}

/* Of a room's hash; its other keys begin with it (proto/redis.md). */
export const keyOf = (room) => `roomd:{${room.replace(/[{}%]/g, encodeURIComponent)}}`

export class Redis {
  #socket
  #input = Buffer.alloc(0)
  #waiting = []
  #closed = false

  /* `where` as net.createConnection takes it: {path} or {host, port}. */
  static async connect(where) {
    const redis = new Redis()
    redis.#socket = createConnection(where)
    redis.#socket.on('data', (bytes) => redis.#onData(bytes))
    redis.#socket.on('close', () => redis.#onClose())
    await once(redis.#socket, 'connect')
    redis.#socket.on('error', () => {})
    return redis
  }

  #onData(bytes) {
    this.#input = Buffer.concat([this.#input, bytes])
    let reply
    while (this.#input.length > 0 && (reply = parse(this.#input, 0))) {
      const { resolve, reject } = this.#waiting.shift()
      this.#input = this.#input.subarray(reply.next)
      reply.value instanceof Error ? reject(reply.value) : resolve(reply.value)
    }
  }

  #onClose() {
    this.#closed = true
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new Error('Redis closed the connection'))
    }
  }

  /* The reply; strings as Buffers. */
  bytes(...args) {
    const parts = args.map((arg) => (Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg))))
    const command = [Buffer.from(`*${parts.length}\r\n`)]
    for (const part of parts) {
      command.push(Buffer.from(`$${part.length}\r\n`), part, CRLF)
    }
    if (this.#closed) {
      return Promise.reject(new Error('the connection to Redis is closed'))
    }
    const reply = new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#socket.write(Buffer.concat(command))
    })
    return soon(`the reply of Redis to ${args[0]}`, reply)
  }

  /* The reply; strings as text. */
  async text(...args) {
    return toText(await this.bytes(...args))
  }

  /* A hash as an object. */
  async hash(key) {
    const flat = await this.text('HGETALL', key)
    return Object.fromEntries(flat.flatMap((name, i) => (i % 2 ? [] : [[name, flat[i + 1]]])))
  }

  close() {
    this.#socket.destroy()
  }
}
