/* Messages that no proper client sends, in both encodings: each has one defined outcome (room-rules
 * BAD), the document stays as it was, and the others in the room notice nothing. */
import { encode } from '@msgpack/msgpack'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, PROTOCOL_VERSION, SCHEMA, connectMessage, note, putNote, readRoom } from './lib/client.js'
import { Roomd } from './lib/roomd.js'

const ROOM = 'battered'
const FATAL = 4099
const NO_CODE = 1005
const DEEPEST = 1000

const unknownError = { code: FATAL, reason: 'UNKNOWN_ERROR' }
const invalidRecord = { code: FATAL, reason: 'INVALID_RECORD' }
const clientTooOld = { code: FATAL, reason: 'CLIENT_TOO_OLD' }
const serverTooOld = { code: FATAL, reason: 'SERVER_TOO_OLD' }
const cancelled = { code: NO_CODE, reason: '' }

/* Arrays within each other; the message around them adds levels of its own. */
function nested(depth) {
  return '['.repeat(depth) + ']'.repeat(depth)
}

function nestedBytes(depth) {
  return Buffer.concat([Buffer.alloc(depth - 1, 0x91), Buffer.from([0x90])])
}

/* ---- text frames that are no message ---- */

const frames = {
  'hello': cancelled,
  '[]': cancelled,
  '': cancelled,
  ' {"type":"ping"}': cancelled,
  '{"type":': unknownError,
  '{"type":"ping"} x': unknownError,
  "{'type':'ping'}": unknownError,
  '-1_x': cancelled,
  '_x': cancelled,
  '0_': cancelled,
  '0_5': unknownError,
  '0_null': unknownError,
  '0_"x"': unknownError,
  '0_[]': unknownError,
  '0_not json': cancelled,
  '0_{"type":"zap"}': unknownError,
}

const sequences = {
  'a gap in the count': [['2_{"type"', '0_:"ping"}'], cancelled],
  'a count that repeats': [['1_{"type"', '1_:"ping"}'], cancelled],
  'a message inside a sequence': [['1_{"type"', '{"type":"ping"}'], cancelled],
  'text that is no JSON when joined': [['1_{"type"', '0_"ping"}'], cancelled],
}

/* ---- messages ---- */

const messages = {
  'no type': [{}, unknownError],
  'an unknown type': [{ type: 'zap' }, unknownError],
  "a server's type": [{ type: 'data', data: [] }, unknownError],
  'a type that is no string': [{ type: 5 }, unknownError],
  'a type of null': [{ type: null }, unknownError],
}

const connects = {
  'a protocol version as text': [{ protocolVersion: String(PROTOCOL_VERSION) }, clientTooOld],
  'a protocol version as object': [{ protocolVersion: {} }, clientTooOld],
  'a protocol version of true': [{ protocolVersion: true }, clientTooOld],
  'no protocol version': [{ protocolVersion: undefined }, clientTooOld],
  'a protocol version of null': [{ protocolVersion: null }, clientTooOld],
  'a fraction for a protocol version': [{ protocolVersion: 7.5 }, clientTooOld],
  'an old protocol version': [{ protocolVersion: 4 }, clientTooOld],
  'a newer protocol version': [{ protocolVersion: PROTOCOL_VERSION + 1 }, serverTooOld],
  'no schema': [{ schema: undefined }, clientTooOld],
  'a schema of null': [{ schema: null }, clientTooOld],
  'an empty schema': [{ schema: {} }, unknownError],
  'a schema that is a string': [{ schema: 'x' }, unknownError],
  'a schema that is a number': [{ schema: 2 }, unknownError],
  'a schema that is an array': [{ schema: [] }, unknownError],
  'a schema of false': [{ schema: false }, unknownError],
  'a schema without sequences': [{ schema: { schemaVersion: 2 } }, unknownError],
  'a schema with sequences of another kind': [{ schema: { schemaVersion: 2, sequences: 5 } }, unknownError],
  'a newer schema version': [{ schema: { ...SCHEMA, schemaVersion: 3 } }, serverTooOld],
  'an older schema version': [{ schema: { ...SCHEMA, schemaVersion: 0 } }, clientTooOld],
  'a sequence version that is no number': [
    { schema: { schemaVersion: 2, sequences: { 'com.example.note': 'x' } } },
    clientTooOld,
  ],
}

const clocks = { absent: undefined, null: null, text: '5', object: {}, 'ahead of ours': 1e9, fraction: -0.5 }

/* Of a push: its members, and a close or the action of its result. */
const pushes = {
  'no diff at all': [{}, 'commit'],
  'a diff of null': [{ diff: null }, 'discard'],
  'an empty diff': [{ diff: {} }, 'discard'],
  'a diff that is a number': [{ diff: 5 }, 'discard'],
  'a diff of true': [{ diff: true }, 'discard'],
  'a diff that is a string': [{ diff: 'x' }, 'discard'],
  'a diff that is an array': [{ diff: [['put', note('x')]] }, unknownError],
  'a diff that is an empty array': [{ diff: [] }, unknownError],
  'an op of null': [{ diff: { 'note:1': null } }, unknownError],
  'an op that is empty': [{ diff: { 'note:1': [] } }, 'discard'],
  'an op that is a string': [{ diff: { 'note:1': 'put' } }, 'discard'],
  'an op that is a number': [{ diff: { 'note:1': 5 } }, 'discard'],
  'an op that is an object': [{ diff: { 'note:1': { put: note('1') } } }, 'discard'],
  'an op of another name': [{ diff: { 'note:1': ['zap', 5] } }, 'discard'],
  'a put of nothing': [{ diff: { 'note:x': ['put'] } }, unknownError],
  'a put of null': [{ diff: { 'note:x': ['put', null] } }, unknownError],
  'a put of a string': [{ diff: { 'note:x': ['put', 'x'] } }, invalidRecord],
  'a put of a number': [{ diff: { 'note:x': ['put', 5] } }, invalidRecord],
  'a put of an array': [{ diff: { 'note:x': ['put', [1]] } }, invalidRecord],
  'a put without typeName': [{ diff: { 'note:x': ['put', { id: 'note:x' }] } }, invalidRecord],
  'a put whose typeName is a number': [
    { diff: { 'note:x': ['put', { id: 'note:x', typeName: 5 }] } },
    invalidRecord,
  ],
  'a put without id': [{ diff: { 'note:x': ['put', { typeName: 'note' }] } }, invalidRecord],
  "a put of a record of the session's presence type": [
    {
      presence: ['put', { typeName: 'presence' }],
      diff: { 'presence:x': ['put', { id: 'presence:x', typeName: 'presence' }] },
    },
    invalidRecord,
  ],
  'a put under another id': [{ diff: { 'note:x': ['put', note('y')] } }, unknownError],
  'a put under another id, over a record': [{ diff: { 'note:1': ['put', note('y')] } }, unknownError],
  'a put of another type over a record': [
    { diff: { 'note:1': ['put', { id: 'note:1', typeName: 'other' }] } },
    'discard',
  ],
  'a good op before a bad one': [{ diff: { ...putNote('good'), 'note:x': ['put', null] } }, unknownError],
  'a patch of nothing': [{ diff: { 'note:1': ['patch'] } }, unknownError],
  'a patch of null': [{ diff: { 'note:1': ['patch', null] } }, unknownError],
  'a patch of nothing, to no record': [{ diff: { 'note:none': ['patch'] } }, 'discard'],
  'a patch of null, to no record': [{ diff: { 'note:none': ['patch', null] } }, 'discard'],
  'a patch that is a string': [{ diff: { 'note:1': ['patch', 'x'] } }, 'discard'],
  'a patch that is a number': [{ diff: { 'note:1': ['patch', 5] } }, 'discard'],
  'a patch of true': [{ diff: { 'note:1': ['patch', true] } }, 'discard'],
  'a patch that changes the id': [{ diff: { 'note:1': ['patch', { id: ['put', 'note:2'] }] } }, unknownError],
  'a patch that changes the type': [
    { diff: { 'note:1': ['patch', { typeName: ['put', 'x'] }] } },
    invalidRecord,
  ],
  'a patch that drops the type': [{ diff: { 'note:1': ['patch', { typeName: ['delete'] }] } }, invalidRecord],
  'a value op of null': [{ diff: { 'note:1': ['patch', { x: null }] } }, unknownError],
  'a value op that is no array': [{ diff: { 'note:1': ['patch', { x: 5, y: 'put', text: {} }] } }, 'discard'],
  'a value op of another name': [{ diff: { 'note:1': ['patch', { x: ['zap', 5] }] } }, 'discard'],
  'a value op that is empty': [{ diff: { 'note:1': ['patch', { x: [] }] } }, 'discard'],
  'a value put of nothing, required': [
    { diff: { 'note:1': ['patch', { typeName: ['put'] }] } },
    invalidRecord,
  ],
  'a nested patch of null': [{ diff: { 'note:1': ['patch', { props: ['patch', null] }] } }, unknownError],
  'a nested patch of null, to no member': [
    { diff: { 'note:1': ['patch', { none: ['patch', null] }] } },
    'discard',
  ],
  'an append at the wrong place': [
    { diff: { 'note:1': ['patch', { text: ['append', 'x', 99] }] } },
    'discard',
  ],
  'an append to a number': [{ diff: { 'note:1': ['patch', { x: ['append', 'x', 0] }] } }, 'discard'],
  'an index far beyond the end': [
    { diff: { 'note:1': ['patch', { tags: ['patch', { 4294967294: ['put', 1] }] }] } },
    invalidRecord,
  ],
  'a remove of no record': [{ diff: { 'note:none': ['remove'] } }, 'discard'],
  'a presence that is an object': [{ presence: {} }, unknownError],
  'a presence that is a number': [{ presence: 5 }, unknownError],
  'a presence of true': [{ presence: true }, unknownError],
  'a presence put of nothing': [{ presence: ['put'] }, invalidRecord],
  'a presence put of null': [{ presence: ['put', null] }, invalidRecord],
  'a presence put of a string': [{ presence: ['put', 'x'] }, invalidRecord],
  'a presence patch of nothing': [{ presence: ['patch'] }, 'commit'],
  'a presence patch of null': [{ presence: ['patch', null] }, 'commit'],
  'a presence patch without a record': [{ presence: ['patch', { name: ['put', 'x'] }] }, 'commit'],
  'a presence that is an empty array': [{ presence: [] }, 'commit'],
  'a presence that is a string': [{ presence: 'x' }, 'commit'],
  'a presence of false': [{ presence: false }, 'commit'],
  'a presence of null': [{ presence: null }, 'commit'],
  'a presence op of another name': [{ presence: ['zap', {}] }, 'commit'],
  'a bad presence beside a good diff': [{ diff: putNote('good'), presence: 5 }, unknownError],
}

/* As text, for what no object can say. */
const texts = {
  'the same member twice': ['{"type":"zap","type":"ping"}', 'pong'],
  '__proto__ as the key of a value op': [
    '{"type":"push","clientClock":0,"diff":{"note:1":["patch",{"__proto__":["put",{"x":1}]}]}}',
    'discard',
  ],
  '__proto__ as an id': [
    '{"type":"push","clientClock":0,"diff":{"__proto__":["put",{"id":"note:9","typeName":"note"}]}}',
    unknownError,
  ],
  'names that every object inherits': [
    '{"type":"push","clientClock":0,"diff":{"constructor":["remove"],"toString":["patch",{}],"hasOwnProperty":["patch"]}}',
    'discard',
  ],
  'one level too many': [`{"type":"push","clientClock":0,"diff":${nested(DEEPEST)}}`, unknownError],
  'very many levels': [`{"type":"push","clientClock":0,"diff":${nested(500000)}}`, unknownError],
  'one level too many, in chunks': [
    `0_{"type":"push","clientClock":0,"diff":${nested(DEEPEST)}}`,
    unknownError,
  ],
  'many levels, yet not too many': [
    `{"type":"push","clientClock":0,"diff":{"note:none":["patch",${nested(900)}]}}`,
    'discard',
  ],
}

/* Binary frames that are no message. */
const ping = encode({ type: 'ping' })
const binaries = {
  'nothing': Buffer.alloc(0),
  'nothing but a byte that is never used': Buffer.from([0xc1]),
  'half a message': ping.subarray(0, 5),
  'a message and a byte': Buffer.concat([ping, Buffer.from([0xc0])]),
  'two messages': Buffer.concat([ping, ping]),
  'a number': encode(5),
  'nil': encode(null),
  'an array': encode([{ type: 'ping' }]),
  'a string': encode('{"type":"ping"}'),
  'a key that is a number': Buffer.from([
    0x82,
    0xa4,
    ...Buffer.from('type'),
    0xa4,
    ...Buffer.from('ping'),
    1,
    1,
  ]),
  'bytes where text belongs': encode({ type: 'push', clientClock: 0, diff: { x: Buffer.from('x') } }),
  'an extension type': Buffer.from([0x81, 0xa4, ...Buffer.from('type'), 0xd4, 1, 1]),
  'a time': encode({ type: 'push', clientClock: 0, diff: { x: new Date() } }),
  'text that is no UTF-8': Buffer.from([0x81, 0xa4, ...Buffer.from('type'), 0xa2, 0xff, 0xfe]),
  'a count far beyond the end': Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff, 0xa4, ...Buffer.from('type')]),
  'a length far beyond the end': Buffer.from([
    0x81,
    0xa4,
    ...Buffer.from('type'),
    0xdb,
    0xff,
    0xff,
    0xff,
    0xff,
    1,
  ]),
  'one level too many': Buffer.concat([Buffer.from([0x81, 0xa4]), Buffer.from('diff'), nestedBytes(DEEPEST)]),
  'very many levels': nestedBytes(500000),
}

describe('bad messages', () => {
  let roomd
  let bystander
  let documents

  before(async () => {
    roomd = await Roomd.start()
    bystander = await Client.connect(roomd, ROOM, { session: 'bystander' })
    const diff = { ...putNote('1', { text: 'one' }), ...putNote('2', { tags: ['a', 'b'] }) }
    assert.equal(await bystander.push({ diff }), 'commit')
    /* The room learns from it which records are presence. */
    const presence = ['put', { id: 'x', typeName: 'presence', name: 'bystander' }]
    assert.equal(await bystander.push({ presence }), 'commit')
    documents = bystander.documents
  })
  after(async () => {
    assert.equal(bystander.closed, null)
    await roomd.finish()
  })

  /* The room goes on, and is what it was. */
  async function unharmed() {
    await bystander.ping()
    assert.equal(bystander.closed, null)
    const { documents: now, presence } = await readRoom(roomd, ROOM)
    assert.deepEqual(now, documents)
    assert.deepEqual(bystander.documents, documents)
    assert.deepEqual(
      presence.map(({ name }) => name),
      ['bystander'],
    )
  }

  /* `send` sends something bad; the outcome is a close or the action of a push's result. */
  async function check(client, send, outcome) {
    const before = client.heard.length
    send()
    if (outcome === 'pong') {
      await client.ping()
    } else if (typeof outcome === 'string') {
      assert.equal((await client.hear('push_result')).action, outcome)
      await client.ping()
      await client.leave()
    } else {
      assert.deepEqual(await client.close(), outcome)
      assert.equal(client.heard.length, before, 'no word before the close')
    }
    client.drop()
    await unharmed()
  }

  const connected = (binary, rest) => Client.connect(roomd, ROOM, { binary, ...rest })

  describe('text frames', () => {
    for (const [text, outcome] of Object.entries(frames)) {
      test(JSON.stringify(text), async () => {
        const client = await connected(false)
        await check(client, () => client.sendText(text), outcome)
      })
    }
    for (const [name, [parts, outcome]] of Object.entries(sequences)) {
      test(name, async () => {
        const client = await connected(false)
        await check(client, () => parts.forEach((part) => client.sendText(part)), outcome)
      })
    }
    for (const [name, [text, outcome]] of Object.entries(texts)) {
      test(name, async () => {
        const client = await connected(false)
        await check(client, () => client.sendText(text), outcome)
      })
    }
  })

  describe('binary frames', () => {
    for (const [name, bytes] of Object.entries(binaries)) {
      test(name, async () => {
        const client = await connected(true)
        await check(client, () => client.sendBytes(bytes), unknownError)
      })
    }
  })

  for (const binary of [false, true]) {
    describe(binary ? 'in msgpack' : 'in JSON', () => {
      for (const [name, [message, outcome]] of Object.entries(messages)) {
        test(name, async () => {
          const client = await connected(binary)
          await check(client, () => client.send(message), outcome)
        })
      }
      for (const [name, [rest, outcome]] of Object.entries(connects)) {
        test(`connect with ${name}`, async () => {
          const client = await Client.open(roomd, ROOM, { binary })
          await check(client, () => client.send(connectMessage(rest)), outcome)
        })
        test(`connect again with ${name}`, async () => {
          const client = await connected(binary)
          await check(client, () => client.send(connectMessage(rest)), outcome)
        })
      }
      for (const [name, lastServerClock] of Object.entries(clocks)) {
        test(`connect with a clock: ${name}`, async () => {
          const client = await Client.open(roomd, ROOM, { binary })
          const { hydrationType } = await client.handshake({ lastServerClock })
          assert.equal(hydrationType, 'wipe_all')
          assert.deepEqual(client.documents, documents)
          await client.leave()
          await unharmed()
        })
      }
      for (const [name, [rest, outcome]] of Object.entries(pushes)) {
        test(`push: ${name}`, async () => {
          const client = await connected(binary)
          await check(client, () => client.send({ type: 'push', clientClock: 0, ...rest }), outcome)
        })
      }

      test('push and ping before connect are ignored', async () => {
        const client = await Client.open(roomd, ROOM, { binary })
        client.send({ type: 'push', clientClock: 7, diff: putNote('early') })
        client.send({ type: 'ping' })
        await client.handshake()
        assert.deepEqual(
          client.heard.map(({ type }) => type),
          ['connect'],
        )
        await client.leave()
        await unharmed()
      })

      test('what follows a fatal message is ignored', async () => {
        const client = await connected(binary)
        const send = () => {
          client.send({ type: 'zap' })
          client.send({ type: 'push', clientClock: 0, diff: putNote('late') })
          client.send({ type: 'ping' })
        }
        await check(client, send, unknownError)
      })

      test('a read-only session changes nothing, and is told so', async () => {
        const client = await connected(binary, { readonly: true })
        assert.equal(client.heard[0].isReadonly, true)
        assert.equal(await client.push({ diff: putNote('x') }), 'discard')
        assert.equal(await client.push({ diff: { 'note:1': ['remove'] } }), 'discard')
        await client.leave()
        await unharmed()
      })

      test('a read-only session is refused for an op of null', async () => {
        const client = await connected(binary, { readonly: true })
        const send = () => client.send({ type: 'push', clientClock: 0, diff: { 'note:1': null } })
        await check(client, send, unknownError)
      })

      test('clientClock comes back as it was sent', async () => {
        const client = await connected(binary)
        for (const clientClock of [5, -1, 0.5, 'text', null, { a: [1] }, undefined]) {
          client.send({ type: 'push', clientClock })
        }
        await client.ping()
        const last = (event) => event.type === 'push_result' && !('clientClock' in event)
        await client.hear('push_result', last)
        const seen = client.heard
          .filter(({ type }) => type === 'push_result')
          .map((event) => event.clientClock)
        assert.deepEqual(seen, [5, -1, 0.5, 'text', null, { a: [1] }, undefined])
        await client.leave()
      })

      test('legacy sessions are told in their own words', async () => {
        for (const [schema, reason] of [
          [null, 'clientTooOld'],
          [{ ...SCHEMA, schemaVersion: 3 }, 'serverTooOld'],
          [{}, 'invalidOperation'],
        ]) {
          const client = await Client.open(roomd, ROOM, { binary })
          client.send(connectMessage({ protocolVersion: 6, schema }))
          assert.deepEqual(await client.close(), cancelled)
          assert.deepEqual(client.heard, [{ type: 'incompatibility_error', reason }])
        }
        await unharmed()
      })
    })
  }

  test('halves of a character are kept as they are', async () => {
    const client = await Client.connect(roomd, 'halves')
    assert.equal(await client.push({ diff: putNote('1', { text: '\ud83d' }) }), 'commit')
    const appended = { 'note:1': ['patch', { text: ['append', '\ude00', 1] }] }
    assert.equal(
      await client.push({ diff: { ...appended, ...putNote('2', { text: 'a\udc00b' }) } }),
      'commit',
    )
    const { documents: halves } = await readRoom(roomd, 'halves')
    assert.equal(halves['note:1'].text, '😀')
    assert.equal(halves['note:2'].text, 'a\udc00b')
    await client.leave()
  })

  test('a value put of nothing drops an optional member', async () => {
    const client = await Client.connect(roomd, 'optional')
    await client.push({ diff: putNote('1') })
    const action = await client.push({ diff: { 'note:1': ['patch', { x: ['put'] }] } })
    assert.deepEqual(action, { rebaseWithDiff: { 'note:1': ['patch', { x: ['delete'] }] } })
    await client.leave()
  })
})
