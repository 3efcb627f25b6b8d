/* What is asked of the clients' port before it is a WebSocket: requests that are refused, and which
 * rooms and sessions an address can name. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, connectMessage, putNote, readRoom } from './lib/client.js'
import { OP, RawSocket, frame, upgradeRequest } from './lib/raw.js'
import { Roomd } from './lib/roomd.js'

const ID_MAX = 256
const HEAD_MAX = 16 << 10
const HEAD_WAIT_MS = 10000
const START_WAIT_MS = 10000
const START_SLACK_MS = 2500
const BUSY_MS = 2500 // what a busy machine may add

const PLAIN = {
  Upgrade: null,
  Connection: null,
  'Sec-WebSocket-Version': null,
  'Sec-WebSocket-Key': null,
}

/* A request as text, and the status it gets. */
const requests = {
  'a plain GET': [upgradeRequest('/connect/x', PLAIN), 426],
  'a plain POST': [upgradeRequest('/connect/x', PLAIN, 'POST /connect/x HTTP/1.1'), 426],
  'an upgrade by POST': [upgradeRequest('/connect/x', {}, 'POST /connect/x HTTP/1.1'), 400],
  'an upgrade in HTTP/1.0': [upgradeRequest('/connect/x', {}, 'GET /connect/x HTTP/1.0'), 400],
  'another upgrade': [upgradeRequest('/connect/x', { Upgrade: 'h2c' }), 400],
  'no Upgrade header': [upgradeRequest('/connect/x', { Upgrade: null }), 400],
  'no Connection header': [upgradeRequest('/connect/x', { Connection: null }), 400],
  'no key': [upgradeRequest('/connect/x', { 'Sec-WebSocket-Key': null }), 400],
  'a short key': [upgradeRequest('/connect/x', { 'Sec-WebSocket-Key': 'c2hvcnQ=' }), 400],
  'no version': [upgradeRequest('/connect/x', { 'Sec-WebSocket-Version': null }), 400],
  'an old version': [upgradeRequest('/connect/x', { 'Sec-WebSocket-Version': '8' }), 426],
  'a path that is nothing': [upgradeRequest('/nothing', PLAIN), 404],
  'an upgrade of another path': [upgradeRequest('/nothing'), 404],
  'a path below a room': [upgradeRequest('/connect/a/b'), 404],
  'another method for a page': [upgradeRequest('/', PLAIN, 'DELETE / HTTP/1.1'), 405],
  'garbage': ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
  'garbage in lines': ['hello\r\n\r\n', 400],
  'a header that is none': ['GET / HTTP/1.1\r\nHost localhost\r\n\r\n', 400],
  'an unknown method': ['ZAP / HTTP/1.1\r\n\r\n', 400],
  'a head that is too long': [upgradeRequest('/connect/x', { Cookie: 'x'.repeat(HEAD_MAX) }), 431],
  'an address that is too long': [upgradeRequest(`/connect/${'x'.repeat(HEAD_MAX)}`), 431],
  'very many headers': [`GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(HEAD_MAX / 4)}`, 431],
}

/* Paths below /connect/ and their status; 101 if they are fine. */
const addresses = {
  'a room': ['room', 101],
  'a room of 256 bytes': ['r'.repeat(ID_MAX), 101],
  'a room of 257 bytes': ['r'.repeat(ID_MAX + 1), 400],
  'a room of 256 bytes in UTF-8': ['%C3%A9'.repeat(ID_MAX / 2), 101],
  'a room of 258 bytes in UTF-8': ['%C3%A9'.repeat(ID_MAX / 2 + 1), 400],
  'no room': ['', 400],
  'a room with a slash': ['a%2Fb', 101],
  'a room with braces': ['%7Ba%7D', 101],
  'a room with a line feed': ['a%0Ab', 400],
  'a room with a zero byte': ['a%00b', 400],
  'a room with a delete character': ['a%7Fb', 400],
  'a room that is no UTF-8': ['a%FF', 400],
  'a room with half a surrogate pair': ['a%ED%A0%80', 400],
  'a malformed %': ['a%zz', 400],
  'a % at the end': ['a%', 400],
  'a %X at the end': ['a%4', 400],
  'a session': ['room?sessionId=s', 101],
  'no session': ['room?sessionId=', 101],
  'another parameter': ['room?x=y&sessionId=t&z', 101],
  'a session of 256 bytes': [`room?sessionId=${'s'.repeat(ID_MAX)}`, 101],
  'a session of 257 bytes': [`room?sessionId=${'s'.repeat(ID_MAX + 1)}`, 400],
  'a session with a control character': ['room?sessionId=a%1Fb', 400],
  'a session with a malformed %': ['room?sessionId=a%4', 400],
  'a session that is no UTF-8': ['room?sessionId=%C3', 400],
  'a session with blanks': ['room?sessionId=a+b%20c', 101],
}

describe('requests', { concurrency: true }, () => {
  let roomd

  before(async () => {
    roomd = await Roomd.start()
  })
  after(() => roomd.finish())

  for (const [name, [request, status]] of Object.entries(requests)) {
    test(`${name}: ${status}`, async () => {
      const raw = await RawSocket.open(roomd)
      raw.write(Buffer.from(request, 'latin1'))
      const answer = await raw.answer()
      assert.equal(answer.status, status)
      assert.equal(answer.headers['connection'].includes('close'), true)
      assert.equal(Number(answer.headers['content-length']), Buffer.byteLength(answer.body))
      if (status === 426) {
        assert.equal(answer.headers['upgrade'], 'websocket')
      }
    })
  }

  for (const [name, [path, status]] of Object.entries(addresses)) {
    test(`${name}: ${status}`, async () => {
      const raw = await RawSocket.open(roomd)
      raw.write(upgradeRequest(`/connect/${path}`))
      if (status === 101) {
        await raw.accepted()
        raw.write(frame(OP.TEXT, JSON.stringify(connectMessage())))
        assert.equal((await raw.message()).type, 'connect')
        raw.destroy()
      } else {
        const answer = await raw.answer()
        assert.equal(answer.status, status)
        assert.match(answer.body, /^the room or session id /)
      }
    })
  }

  test('rooms are told apart by their decoded names', async () => {
    for (const [written, same] of [
      ['a%20b', 'a b'],
      ['%61', 'a'],
      ['%7Bx%7D', '{x}'],
      ['caf%C3%A9', 'café'],
    ]) {
      const client = await Client.connect(roomd, same)
      await client.push({ diff: putNote(written) })
      const raw = await RawSocket.upgrade(roomd, written)
      raw.write(frame(OP.TEXT, JSON.stringify(connectMessage())))
      assert.ok(`note:${written}` in (await raw.message()).diff)
      raw.destroy()
      await client.leave()
    }
    const { documents } = await readRoom(roomd, 'A')
    assert.deepEqual(documents, {}, 'case matters')
  })

  test('pages', async () => {
    const response = await fetch(roomd.http)
    assert.equal(response.status, 200)
    assert.match(response.headers.get('content-type'), /^text\/html/)
    const head = await fetch(roomd.http, { method: 'HEAD' })
    assert.equal(head.headers.get('content-length'), String(Buffer.byteLength(await response.text())))
  })

  test('readiness, for load balancers', async () => {
    const response = await fetch(`${roomd.http}/readyz`)
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('cache-control'), 'no-store')
    assert.equal(await response.text(), 'ready\n')
    assert.equal((await fetch(`${roomd.http}/readyz`, { method: 'HEAD' })).status, 200)
    assert.equal((await fetch(`${roomd.http}/readyz`, { method: 'POST' })).status, 405)
  })

  test('a head that never ends: 408', async () => {
    const started = Date.now()
    const raw = await RawSocket.open(roomd)
    raw.write('GET /connect/x HTTP/1.1\r\nHost: x\r\n')
    assert.equal((await raw.answer()).status, 408)
    assert.ok(Date.now() - started >= HEAD_WAIT_MS - 100)
  })

  test('a socket that says nothing is closed', async () => {
    const raw = await RawSocket.open(roomd)
    await raw.ended()
  })

  test('a WebSocket that says nothing is closed after the start wait', async () => {
    const started = Date.now()
    const client = await Client.open(roomd, 'silent')
    const { code } = await client.close()
    const took = Date.now() - started
    assert.equal(code, 1005)
    assert.ok(took >= START_WAIT_MS - 100, `after ${took} ms`)
    assert.ok(took < START_WAIT_MS + START_SLACK_MS + BUSY_MS, `after ${took} ms`)
  })
})
