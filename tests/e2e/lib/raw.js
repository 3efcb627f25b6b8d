/* WebSocket at the level of bytes, for what no library would send. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { soon, until } from './wait.js'

export const OP = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 }

/* One frame of a client (RFC 6455 5.2). `lengthBytes` 2 or 8 forces a longer length than needed. */
export function frame(opcode, payload = '', { fin = true, masked = true, rsv = 0, lengthBytes } = {}) {
  const body = Buffer.from(payload)
  const size = lengthBytes ?? (body.length < 126 ? 0 : body.length < 65536 ? 2 : 8)
  const head = Buffer.alloc(2 + size)
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  head[1] = (masked ? 0x80 : 0) | (size === 0 ? body.length : size === 2 ? 126 : 127)
  if (size === 2) {
    head.writeUInt16BE(body.length, 2)
  } else if (size === 8) {
    head.writeBigUInt64BE(BigInt(body.length), 2)
  }
  if (!masked) {
    return Buffer.concat([head, body])
  }
  const mask = randomBytes(4)
  return Buffer.concat([head, mask, body.map((byte, i) => byte ^ mask[i % 4])])
}

/* A close frame's payload. */
export function closePayload(code, reason = '') {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(code)
  return Buffer.concat([bytes, Buffer.from(reason)])
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')

/* A request head; a header of null is left out. */
export function upgradeRequest(path, headers = {}, requestLine = `GET ${path} HTTP/1.1`) {
  const all = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': KEY,
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]))
  return [requestLine, ...lines, '', ''].join('\r\n')
}

export class RawSocket {
  #socket
  #input = Buffer.alloc(0)
  #ended = false

  static async open(roomd) {
    const raw = new RawSocket()
    const [host, port] = roomd.address.split(':')
    raw.#socket = createConnection({ host, port: Number(port), noDelay: true })
    raw.#socket.on('data', (bytes) => (raw.#input = Buffer.concat([raw.#input, bytes])))
    raw.#socket.on('close', () => (raw.#ended = true))
    await soon('a TCP connection', once(raw.#socket, 'connect'))
    raw.#socket.on('error', () => {})
    return raw
  }

  /* Opens a WebSocket to /connect/`path`. */
  static async upgrade(roomd, path) {
    const raw = await RawSocket.open(roomd)
    raw.write(upgradeRequest(`/connect/${path}`))
    await raw.accepted()
    return raw
  }

  write(bytes) {
    this.#socket.write(bytes)
  }

  /* Each byte in a segment of its own, as far as that can be had. */
  async writeByteByByte(bytes) {
    for (const byte of Buffer.from(bytes)) {
      await new Promise((resolve) => this.#socket.write(Buffer.from([byte]), resolve))
      await new Promise(setImmediate)
    }
  }

  end() {
    this.#socket.end()
  }

  destroy() {
    this.#socket.destroy()
  }

  get hasEnded() {
    return this.#ended
  }

  ended() {
    return until('the end of the socket', () => this.#ended)
  }

  /* The head of the answer, {status, headers}; what follows stays to be read. */
  async head() {
    const end = await until('the head of an answer', () => {
      const at = this.#input.indexOf('\r\n\r\n')
      return at < 0 && this.#ended ? -1 : at < 0 ? 0 : at
    })
    if (end < 0) {
      throw new Error(`the socket ended without an answer`)
    }
    const [first, ...lines] = this.#input.toString('latin1', 0, end).split('\r\n')
    this.#input = this.#input.subarray(end + 4)
    const headers = Object.fromEntries(lines.map((line) => line.toLowerCase().split(/:\s*/, 2)))
    return { status: Number(first.split(' ')[1]), headers }
  }

  /* An answer that is no upgrade, whole: {status, headers, body}. The server closes after it. */
  async answer() {
    const head = await this.head()
    await this.ended()
    return { ...head, body: this.#input.toString() }
  }

  async accepted() {
    const { status, headers } = await this.head()
    if (status !== 101 || headers['sec-websocket-accept'] !== ACCEPT.toLowerCase()) {
      throw new Error(`no WebSocket: ${status} ${JSON.stringify(headers)}`)
    }
  }

  #takeFrame() {
    const input = this.#input
    if (input.length < 2) {
      return null
    }
    const short = input[1] & 0x7f
    const at = short === 126 ? 4 : short === 127 ? 10 : 2
    if (input.length < at) {
      return null
    }
    const length =
      short === 126 ? input.readUInt16BE(2) : short === 127 ? Number(input.readBigUInt64BE(2)) : short
    if (input.length < at + length) {
      return null
    }
    this.#input = input.subarray(at + length)
    return {
      fin: input[0] >= 0x80,
      opcode: input[0] & 0x0f,
      masked: input[1] >= 0x80,
      payload: input.subarray(at, at + length),
    }
  }

  /* The next frame from the server. */
  async frame() {
    return until('a frame', () => {
      const got = this.#takeFrame()
      if (!got && this.#ended) {
        return { opcode: -1, payload: Buffer.alloc(0) } // an end without a frame
      }
      return got
    })
  }

  /* The next text message, parsed; pongs and the like are passed over. */
  async message(accept = () => true) {
    for (;;) {
      const { opcode, payload } = await this.frame()
      if (opcode === OP.TEXT || opcode === OP.BINARY) {
        const message = JSON.parse(payload.toString())
        if (accept(message)) {
          return message
        }
      } else if (opcode === -1 || opcode === OP.CLOSE) {
        throw new Error(`closed: ${opcode} ${payload.toString('hex')}`)
      }
    }
  }

  /* The code of the close frame that comes next but for other frames, 1005 for none. Then the end of
   * the socket. */
  async closed() {
    for (;;) {
      const { opcode, payload } = await this.frame()
      if (opcode === OP.CLOSE || opcode === -1) {
        const code = opcode === -1 ? 1006 : payload.length >= 2 ? payload.readUInt16BE(0) : 1005
        if (opcode === OP.CLOSE && !this.#ended) {
          this.write(frame(OP.CLOSE, payload))
        }
        await this.ended()
        return code
      }
    }
  }
}
