/* What is stored and cannot be read is refused for a while, named in the log, and never overwritten;
 * when it is readable again, the room works. */
import { decode, encode } from '@msgpack/msgpack'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, putNote, readRoom } from './lib/client.js'
import { kill } from './lib/processes.js'
import { Roomd } from './lib/roomd.js'
import { until } from './lib/wait.js'

const TRY_LATER = 1013
const VERSION = 1 // field of the stored form
const CHECKSUM = 5
const BODY = 6

/* A stored snapshot with one field changed. */
function changed(stored, field, change) {
  const fields = decode(stored, { useBigInt64: true })
  fields[field] = change(fields[field])
  return Buffer.from(encode(fields, { useBigInt64: true }))
}

function flipped(bytes) {
  const copy = Buffer.from(bytes)
  copy[copy.length >> 1] ^= 0xff
  return copy
}

/* How a good snapshot becomes a bad one. */
const damages = {
  'garbage': () => Buffer.from('this is no snapshot'),
  'random bytes': () => Buffer.from('c1ff00deadbeef', 'hex'),
  'cut in half': (stored) => stored.subarray(0, stored.length >> 1),
  'without its last byte': (stored) => stored.subarray(0, -1),
  'with a byte too many': (stored) => Buffer.concat([stored, Buffer.from([0xc0])]),
  'of an unknown version': (stored) => changed(stored, VERSION, (version) => version + 99),
  'with a byte flipped': (stored) => changed(stored, BODY, flipped),
  'with another checksum': (stored) => changed(stored, CHECKSUM, (sum) => BigInt(sum) ^ 1n),
  'with an empty body': (stored) => changed(stored, BODY, () => new Uint8Array()),
  'empty': () => Buffer.alloc(0),
}

describe('storage', { concurrency: true }, () => {
  let roomd

  before(async () => {
    roomd = await Roomd.start({ args: ['--unload-after', '1'] })
  })
  after(() => roomd.finish())

  /* A room with some notes, written and given up. Returns what is stored for it. */
  async function stored(room) {
    const redis = await roomd.redis()
    const client = await Client.connect(roomd, room)
    for (let i = 0; i < 20; i++) {
      await client.push({ diff: putNote(String(i), { text: `note ${i} of ${room}` }) })
    }
    const { documents } = client
    await client.leave()
    await until('the room given up', async () => (await redis.hash(`roomd:{${room}}`)).owner === undefined)
    return { redis, documents, snapshot: await redis.bytes('GET', `roomd:{${room}}:snapshot`) }
  }

  async function isRefused(room) {
    for (const binary of [false, true]) {
      const client = await Client.open(roomd, room, { binary })
      await assert.rejects(client.handshake(), /closed/)
      assert.equal((await client.close()).code, TRY_LATER)
    }
  }

  async function othersWork(room) {
    const client = await Client.connect(roomd, `other than ${room}`)
    assert.equal(await client.push({ diff: putNote('1') }), 'commit')
    await client.leave()
  }

  async function comesBack(room, documents) {
    const told = await until('the room readable again', () => readRoom(roomd, room))
    assert.deepEqual(told.documents, documents)
    const client = await Client.connect(roomd, room)
    assert.equal(await client.push({ diff: putNote('after') }), 'commit')
    await client.leave()
  }

  const escaped = (text) => text.replace(/[{}]/g, '\\$&')

  for (const [name, damage] of Object.entries(damages)) {
    test(`a snapshot ${name}`, async () => {
      const room = `snapshot ${name}`
      const key = `roomd:{${room}}:snapshot`
      const { redis, documents, snapshot } = await stored(room)
      const bad = damage(snapshot)
      assert.notDeepEqual(bad, snapshot)
      await redis.text('SET', key, bad)
      await isRefused(room)
      await othersWork(room)
      assert.deepEqual(await redis.bytes('GET', key), bad)
      await roomd.logged('the key', new RegExp(`error.*cannot be read.*${escaped(key)}`))
      await redis.text('SET', key, snapshot)
      await comesBack(room, documents)
    })
  }

  test('a snapshot of another type', async () => {
    const room = 'wrong type'
    const { redis, documents, snapshot } = await stored(room)
    await redis.text('DEL', `roomd:{${room}}:snapshot`)
    await redis.text('RPUSH', `roomd:{${room}}:snapshot`, 'x')
    await isRefused(room)
    assert.deepEqual(await redis.text('LRANGE', `roomd:{${room}}:snapshot`, 0, -1), ['x'])
    await redis.text('SET', `roomd:{${room}}:snapshot`, snapshot)
    await comesBack(room, documents)
  })

  const entries = {
    'with garbage for a diff': ['clock', 21, 'seq', 1, 'outcome', 'commit', 'diff', Buffer.from([0xc1])],
    'without a diff': ['clock', 21, 'seq', 1, 'outcome', 'commit'],
    'without a clock': ['diff', Buffer.from([0x80])],
    'from a clock too far ahead': ['clock', 99, 'seq', 1, 'outcome', 'commit', 'diff', Buffer.from([0x80])],
    'that patches what is not there': [
      ...['clock', 21, 'seq', 1, 'outcome', 'commit', 'diff'],
      Buffer.from(encode({ 'note:none': ['patch', { x: ['put', 1] }] })),
    ],
  }
  for (const [name, fields] of Object.entries(entries)) {
    test(`a log entry ${name}`, async () => {
      const room = `log ${name}`
      const { redis, documents } = await stored(room)
      await redis.text('XADD', `roomd:{${room}}:log`, '1-99', ...fields)
      await isRefused(room)
      await othersWork(room)
      assert.equal(await redis.text('XLEN', `roomd:{${room}}:log`), 1)
      await redis.text('DEL', `roomd:{${room}}:log`)
      await comesBack(room, documents)
    })
  }
})

describe('a Redis that hangs', () => {
  test('delays changes and nothing else', async () => {
    const roomd = await Roomd.start()
    try {
      const [drawer, watcher, mover] = await Promise.all([
        Client.connect(roomd, 'drawing'),
        Client.connect(roomd, 'moving'),
        Client.connect(roomd, 'moving'),
      ])
      await drawer.push({ diff: putNote('before') })
      const redis = await roomd.child('redis')
      kill(redis, 'SIGSTOP')
      const result = drawer.push({ diff: putNote('meanwhile') })
      const presence = ['put', { id: 'x', typeName: 'presence', name: 'mover' }]
      assert.equal(await mover.push({ presence }), 'commit')
      await until('presence', () => [...watcher.records.values()].some(({ name }) => name === 'mover'))
      assert.equal(drawer.heard.filter(({ type }) => type === 'push_result').length, 1)
      kill(redis, 'SIGCONT')
      assert.equal(await result, 'commit')
      const { documents } = await readRoom(roomd, 'drawing')
      assert.deepEqual(Object.keys(documents), ['note:before', 'note:meanwhile'])
    } finally {
      await roomd.finish()
    }
  })
})
