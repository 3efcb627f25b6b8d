/* A WebSocket client that costs little, so that a thousand of them leave the machine to the server: a
 * frame per message, a mask of zeros, no extensions. */
import { createConnection } from 'node:net'

const OP = { TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 }
const MASK_BYTES = 4

/* A client's frame for a payload of `length` bytes, which starts at `at`. */
function frame(opcode, length) {
  const size = length < 126 ? 0 : length < 65536 ? 2 : 8
  const at = 2 + size + MASK_BYTES
  const bytes = Buffer.allocUnsafe(at + length)
  bytes[0] = 0x80 | opcode
  bytes[1] = 0x80 | (size === 0 ? length : size === 2 ? 126 : 127)
  if (size === 2) {
    bytes.writeUInt16BE(length, 2)
  } else if (size === 8) {
    bytes.writeBigUInt64BE(BigInt(length), 2)
  }
  bytes.fill(0, 2 + size, at)
  return { bytes, at }
}

function closing(payload) {
  return payload.length < 2
    ? { code: 1005, reason: '' }
    : { code: payload.readUInt16BE(0), reason: payload.toString('utf8', 2) }
}

export class Socket {
  #tcp
  #input = null // bytes that do not make a frame yet
  #isUpgraded = false
  #isOver = false
  #handlers

  /* Handlers: onOpen(), onMessage(bytes, isBinary), onEnd({code, reason, opened}) once; code 1006 for an end
   * without a close frame, and for a connection that was not to be had. */
  constructor(address, path, handlers) {
    const [host, port] = address.split(':')
    this.#handlers = handlers
    this.#tcp = createConnection({ host, port: Number(port), noDelay: true })
    this.#tcp.on('data', (bytes) => this.#onData(bytes))
    this.#tcp.on('error', () => {}) // 'close' follows
    this.#tcp.on('close', () => this.#end({ code: 1006, reason: '' }))
    this.#tcp.write(
      `GET ${path} HTTP/1.1\r\nHost: ${address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
  }

  #end(how) {
    if (!this.#isOver) {
      this.#isOver = true
      this.#handlers.onEnd({ ...how, opened: this.#isUpgraded })
    }
  }

  #onData(bytes) {
    let input = this.#input ? Buffer.concat([this.#input, bytes]) : bytes
    this.#input = null
    if (!this.#isUpgraded) {
      const end = input.indexOf('\r\n\r\n')
      if (end < 0) {
        this.#input = input
        return
      }
      if (!input.toString('latin1', 0, end).startsWith('HTTP/1.1 101 ')) {
        this.#tcp.destroy()
        return
      }
      this.#isUpgraded = true
      input = input.subarray(end + 4)
      this.#handlers.onOpen()
    }
    this.#takeFrames(input)
  }

  #takeFrames(input) {
    let at = 0
    while (!this.#isOver && input.length - at >= 2) {
      const short = input[at + 1] & 0x7f
      const body = at + (short === 126 ? 4 : short === 127 ? 10 : 2)
      if (input.length < body) {
        break
      }
      const long = () => (short === 126 ? input.readUInt16BE(at + 2) : Number(input.readBigUInt64BE(at + 2)))
      const length = short < 126 ? short : long()
      if (input.length < body + length) {
        break
      }
      this.#onFrame(input[at], input.subarray(body, body + length))
      at = body + length
    }
    if (at < input.length) {
      this.#input = at === 0 ? input : Buffer.from(input.subarray(at))
    }
  }

  #onFrame(head, payload) {
    const opcode = head & 0x0f
    if (head !== (0x80 | opcode)) {
      throw new Error(`a frame that begins with ${head}`)
    }
    if (opcode === OP.TEXT || opcode === OP.BINARY) {
      this.#handlers.onMessage(payload, opcode === OP.BINARY)
    } else if (opcode === OP.CLOSE) {
      const answer = frame(OP.CLOSE, 0)
      this.#tcp.end(answer.bytes)
      this.#end(closing(payload))
    } else if (opcode === OP.PING) {
      const { bytes, at } = frame(OP.PONG, payload.length)
      payload.copy(bytes, at)
      this.#tcp.write(bytes)
    }
  }

  sendText(text) {
    const { bytes, at } = frame(OP.TEXT, Buffer.byteLength(text))
    bytes.write(text, at)
    this.#tcp.write(bytes)
  }

  sendBytes(payload) {
    const { bytes, at } = frame(OP.BINARY, payload.length)
    bytes.set(payload, at)
    this.#tcp.write(bytes)
  }

  /* Nothing is read while paused: a client whose machine sleeps. */
  pause() {
    this.#tcp.pause()
  }

  resume() {
    this.#tcp.resume()
  }

  /* Leaves in order, or as a network that goes away; onEnd is not called any more. */
  leave() {
    this.#isOver = true
    this.#tcp.end(frame(OP.CLOSE, 0).bytes)
    this.#tcp.resume()
  }

  drop() {
    this.#isOver = true
    this.#tcp.destroy()
  }
}
