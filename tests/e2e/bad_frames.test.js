/* WebSocket below the level of messages (RFC 6455): violations end the connection with the code that
 * says so; delivery in any pieces makes no difference. */
import { encode } from '@msgpack/msgpack'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, connectMessage, putNote } from './lib/client.js'
import { OP, RawSocket, closePayload, frame, upgradeRequest } from './lib/raw.js'
import { Roomd } from './lib/roomd.js'

const ROOM = 'frames'
const MAX_MESSAGE = 64 << 10

const PROTOCOL = 1002
const BAD_TEXT = 1007
const TOO_LARGE = 1009
const NO_CODE = 1005

const PING = '{"type":"ping"}'
const hello = JSON.stringify(connectMessage())

/* What is sent after the handshake, and the code it is closed with. */
const violations = {
  'a frame without mask': [frame(OP.TEXT, PING, { masked: false }), PROTOCOL],
  'reserved bit 1': [frame(OP.TEXT, PING, { rsv: 4 }), PROTOCOL],
  'reserved bit 2': [frame(OP.TEXT, PING, { rsv: 2 }), PROTOCOL],
  'reserved bit 3': [frame(OP.PING, '', { rsv: 1 }), PROTOCOL],
  'an unknown data opcode': [frame(3, 'x'), PROTOCOL],
  'the last unknown data opcode': [frame(7, 'x'), PROTOCOL],
  'an unknown control opcode': [frame(11), PROTOCOL],
  'the last unknown control opcode': [frame(15), PROTOCOL],
  'a ping in fragments': [frame(OP.PING, 'x', { fin: false }), PROTOCOL],
  'a close in fragments': [frame(OP.CLOSE, '', { fin: false }), PROTOCOL],
  'a ping of 126 bytes': [frame(OP.PING, 'x'.repeat(126)), PROTOCOL],
  'a continuation of nothing': [frame(OP.CONTINUATION, 'x'), PROTOCOL],
  'a text inside a text': [[frame(OP.TEXT, '{', { fin: false }), frame(OP.TEXT, '}')], PROTOCOL],
  'a binary inside a text': [[frame(OP.TEXT, '{', { fin: false }), frame(OP.BINARY, '}')], PROTOCOL],
  'a length that is longer than needed': [frame(OP.TEXT, PING, { lengthBytes: 2 }), PROTOCOL],
  'a length that is much longer than needed': [frame(OP.TEXT, PING, { lengthBytes: 8 }), PROTOCOL],
  'a length with its highest bit set': [Buffer.from('81ff8000000000000001', 'hex'), PROTOCOL],
  'a close frame of one byte': [frame(OP.CLOSE, 'x'), PROTOCOL],
  'a close reason that is no UTF-8': [frame(OP.CLOSE, Buffer.from([0x03, 0xe8, 0xff])), BAD_TEXT],
  'text that is no UTF-8': [frame(OP.TEXT, Buffer.from([0x7b, 0xff])), BAD_TEXT],
  'text with half a surrogate pair': [frame(OP.TEXT, Buffer.from([0x7b, 0xed, 0xa0, 0x80])), BAD_TEXT],
  'text with an overlong form': [frame(OP.TEXT, Buffer.from([0x7b, 0xc0, 0xaf])), BAD_TEXT],
  'text that ends inside a character': [frame(OP.TEXT, Buffer.from([0x7b, 0xe2, 0x82])), BAD_TEXT],
  'bad text, in an early fragment': [frame(OP.TEXT, Buffer.from([0xff]), { fin: false }), BAD_TEXT],
  'a message over the limit': [frame(OP.TEXT, '{'.repeat(MAX_MESSAGE + 1)), TOO_LARGE],
  'a binary message over the limit': [frame(OP.BINARY, Buffer.alloc(MAX_MESSAGE + 1)), TOO_LARGE],
  'a huge length, without the bytes': [Buffer.from('81ff0000001000000000', 'hex'), TOO_LARGE],
  'fragments over the limit together': [
    Array.from({ length: 5 }, (_, i) => frame(i ? 0 : OP.TEXT, '{'.repeat(MAX_MESSAGE / 4), { fin: false })),
    TOO_LARGE,
  ],
  'chunks over the limit together': [
    Array.from({ length: 5 }, (_, i) => frame(OP.TEXT, `${9 - i}_${'x'.repeat(MAX_MESSAGE / 4)}`)),
    TOO_LARGE,
  ],
}

const invalidCloseCodes = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
const validCloseCodes = [1000, 1001, 1003, 1007, 1011, 1012, 3000, 4000, 4999]

describe('bad frames', () => {
  let roomd
  let bystander
  let documents

  before(async () => {
    roomd = await Roomd.start({ args: ['--max-message', '64k'] })
    bystander = await Client.connect(roomd, ROOM, { session: 'bystander' })
    await bystander.push({ diff: putNote('1') })
    documents = bystander.documents
  })
  after(async () => {
    await unharmed()
    await roomd.finish()
  })

  async function unharmed() {
    await bystander.ping()
    assert.equal(bystander.closed, null)
    assert.deepEqual(bystander.documents, documents)
  }

  async function connected() {
    const raw = await RawSocket.upgrade(roomd, ROOM)
    raw.write(frame(OP.TEXT, hello))
    assert.equal((await raw.message()).type, 'connect')
    return raw
  }

  async function isAlive(raw) {
    raw.write(frame(OP.TEXT, PING))
    assert.deepEqual(await raw.message(({ type }) => type === 'pong'), { type: 'pong' })
  }

  describe('violations', () => {
    for (const [name, [bytes, code]] of Object.entries(violations)) {
      test(name, async () => {
        const raw = await connected()
        ;[bytes].flat().forEach((part) => raw.write(part))
        assert.equal(await raw.closed(), code)
        await unharmed()
      })
    }
    for (const code of invalidCloseCodes) {
      test(`close code ${code}`, async () => {
        const raw = await connected()
        raw.write(frame(OP.CLOSE, closePayload(code)))
        assert.equal(await raw.closed(), PROTOCOL)
      })
    }
  })

  describe('closing', () => {
    for (const code of validCloseCodes) {
      test(`close code ${code} is answered in kind`, async () => {
        const raw = await connected()
        raw.write(frame(OP.CLOSE, closePayload(code, 'goodbye')))
        assert.equal(await raw.closed(), code)
      })
    }

    test('a close without code is answered without', async () => {
      const raw = await connected()
      raw.write(frame(OP.CLOSE))
      assert.equal(await raw.closed(), NO_CODE)
    })

    test('a socket that just ends', async () => {
      const raw = await connected()
      raw.end()
      await raw.ended()
      await unharmed()
    })

    test('a socket that ends inside a frame', async () => {
      const raw = await connected()
      raw.write(frame(OP.TEXT, PING).subarray(0, 5))
      raw.end()
      await raw.ended()
      await unharmed()
    })

    test('a socket that is reset', async () => {
      const raw = await connected()
      raw.destroy()
      await unharmed()
    })
  })

  describe('pieces', () => {
    test('head and frames byte by byte', async () => {
      const raw = await RawSocket.open(roomd)
      await raw.writeByteByByte(upgradeRequest(`/connect/${ROOM}?sessionId=slow`))
      await raw.accepted()
      await raw.writeByteByByte(frame(OP.TEXT, hello))
      assert.equal((await raw.message()).type, 'connect')
      await raw.writeByteByByte(frame(OP.TEXT, PING))
      assert.deepEqual(await raw.message(), { type: 'pong' })
      raw.destroy()
    })

    test('frames in one write with the head', async () => {
      const raw = await RawSocket.open(roomd)
      const head = Buffer.from(upgradeRequest(`/connect/${ROOM}`))
      const push = JSON.stringify({ type: 'push', clientClock: 0 })
      raw.write(Buffer.concat([head, frame(OP.TEXT, hello), frame(OP.TEXT, push), frame(OP.TEXT, PING)]))
      await raw.accepted()
      const types = [(await raw.message()).type, (await raw.message()).type, (await raw.message()).type]
      assert.deepEqual(types.sort(), ['connect', 'data', 'pong'])
      raw.destroy()
    })

    test('a head in two pieces, cut at every byte', async () => {
      const head = upgradeRequest(`/connect/${ROOM}`)
      for (let at = 1; at < head.length; at += 7) {
        const raw = await RawSocket.open(roomd)
        raw.write(head.slice(0, at))
        await new Promise(setImmediate)
        raw.write(head.slice(at))
        await raw.accepted()
        raw.destroy()
      }
    })

    test('a message in fragments, with pings between them', async () => {
      const raw = await RawSocket.upgrade(roomd, ROOM)
      const parts = hello.match(/.{1,20}/gs)
      parts.forEach((part, i) => {
        raw.write(frame(i ? OP.CONTINUATION : OP.TEXT, part, { fin: false }))
        raw.write(frame(OP.PING, `ping ${i}`))
      })
      raw.write(frame(OP.CONTINUATION, ''))
      for (let i = 0; i < parts.length; i++) {
        const { opcode, payload } = await raw.frame()
        assert.deepEqual([opcode, payload.toString()], [OP.PONG, `ping ${i}`])
      }
      assert.equal((await raw.message()).type, 'connect')
      raw.destroy()
    })

    test('fragments cut inside a character', async () => {
      const raw = await connected()
      const push = JSON.stringify({ type: 'push', clientClock: '😀', presence: false })
      const bytes = Buffer.from(push)
      for (let i = 0; i < bytes.length; i++) {
        raw.write(
          frame(i ? OP.CONTINUATION : OP.TEXT, bytes.subarray(i, i + 1), { fin: i === bytes.length - 1 }),
        )
      }
      const { data } = await raw.message()
      assert.equal(data[0].clientClock, '😀')
      raw.destroy()
    })

    test('empty fragments', async () => {
      const raw = await connected()
      raw.write(frame(OP.TEXT, '', { fin: false }))
      raw.write(frame(OP.CONTINUATION, PING, { fin: false }))
      raw.write(frame(OP.CONTINUATION, ''))
      assert.deepEqual(await raw.message(), { type: 'pong' })
      raw.destroy()
    })

    test('a message in chunks, cut anywhere', async () => {
      const raw = await RawSocket.upgrade(roomd, ROOM)
      const bodies = hello.match(/.{1,9}/gs)
      bodies.forEach((body, i) => raw.write(frame(OP.TEXT, `${bodies.length - 1 - i}_${body}`)))
      assert.equal((await raw.message()).type, 'connect')
      await isAlive(raw)
      raw.destroy()
    })

    test('a message of just the limit', async () => {
      const raw = await connected()
      const empty = JSON.stringify({ type: 'push', clientClock: '' })
      const text = JSON.stringify({ type: 'push', clientClock: 'x'.repeat(MAX_MESSAGE - empty.length) })
      assert.equal(text.length, MAX_MESSAGE)
      raw.write(frame(OP.TEXT, text))
      const { data } = await raw.message()
      assert.equal(data[0].action, 'commit')
      raw.destroy()
    })

    test('unasked pongs are passed over', async () => {
      const raw = await connected()
      raw.write(frame(OP.PONG, 'unasked'))
      await isAlive(raw)
      raw.destroy()
    })

    test('a client that changes its encoding is answered in the new one', async () => {
      const raw = await connected()
      raw.write(frame(OP.BINARY, encode({ type: 'ping' })))
      const { opcode, payload } = await raw.frame()
      assert.deepEqual([opcode, payload], [OP.BINARY, Buffer.from(encode({ type: 'pong' }))])
      await isAlive(raw)
      raw.destroy()
    })

    test("the server's frames have no mask", async () => {
      const raw = await RawSocket.upgrade(roomd, ROOM)
      raw.write(frame(OP.TEXT, hello))
      const { masked, fin, opcode } = await raw.frame()
      assert.deepEqual({ masked, fin, opcode }, { masked: false, fin: true, opcode: OP.TEXT })
      raw.destroy()
    })
  })
})
