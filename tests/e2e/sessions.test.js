/* Sessions beyond the ordinary: taken over, gone and back, silent, and too slow to listen. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, note, putNote, readRoom } from './lib/client.js'
import { residentBytes } from './lib/processes.js'
import { Roomd } from './lib/roomd.js'
import { until } from './lib/wait.js'

const REMOVAL_WAIT_MS = 5000
const IDLE_S = 2
const BIG = 200_000 // characters of one push
const BIG_PUSHES = 250 // together far more than a gateway keeps for one client
const GATEWAY_GROWTH = 48 << 20

function presence(name, rest = {}) {
  return ['put', { id: 'x', typeName: 'presence', name, ...rest }]
}

function presenceOf(client, name) {
  return [...client.records.values()].find((record) => record.typeName === 'presence' && record.name === name)
}

describe('sessions', { concurrency: true }, () => {
  let roomd

  before(async () => {
    roomd = await Roomd.start({ args: ['--idle-timeout', '0'] }) // listeners here say nothing for long
  })
  after(() => roomd.finish())

  for (const binary of [false, true]) {
    const encoding = binary ? 'msgpack' : 'JSON'

    test(`a second connection takes a session over (${encoding})`, async () => {
      const room = `takeover-${encoding}`
      const observer = await Client.connect(roomd, room)
      const first = await Client.connect(roomd, room, { session: 's', binary })
      await first.push({ presence: presence('s') })
      const { id } = await until('presence', () => presenceOf(observer, 's'))

      const second = await Client.connect(roomd, room, { session: 's', binary: !binary })
      assert.equal(presenceOf(second, 's'), undefined, 'nobody is told of itself')
      const heard = first.heard.length
      first.send({ type: 'push', clientClock: 99, diff: putNote('from the past') })
      assert.equal(
        await second.push({ diff: putNote('1'), presence: presence('s', { chat: 'x' }) }),
        'commit',
      )
      assert.equal(await observer.push({ diff: putNote('2') }), 'commit')
      await until('the change', () => second.records.has('note:2'))
      assert.equal(first.closed, null)
      assert.equal(first.heard.length, heard, 'the first one hears nothing')
      assert.deepEqual(presenceOf(observer, 's'), { id, typeName: 'presence', name: 's', chat: 'x' })
      const { documents } = await readRoom(roomd, room)
      assert.deepEqual(Object.keys(documents), ['note:1', 'note:2'])
      await Promise.all([first.leave(), second.leave(), observer.leave()])
    })

    test(`who comes back soon is told what it missed, and keeps its presence (${encoding})`, async () => {
      const room = `back-${encoding}`
      const observer = await Client.connect(roomd, room, { binary: !binary })
      await observer.push({ diff: { ...putNote('kept'), ...putNote('changed'), ...putNote('removed') } })
      const before = await Client.connect(roomd, room, { session: 's', binary })
      await before.push({ presence: presence('s') })
      const { id } = await until('presence', () => presenceOf(observer, 's'))
      before.drop()
      const { clock } = before

      await observer.push({ diff: { 'note:changed': ['patch', { x: ['put', 7] }] } })
      await observer.push({ diff: { 'note:removed': ['remove'] } })
      await observer.push({ diff: putNote('new') })
      const after = await Client.connect(roomd, room, {
        session: 's',
        binary,
        connect: { lastServerClock: clock },
      })
      const [{ hydrationType, diff, serverClock }] = after.heard
      assert.deepEqual(
        { hydrationType, serverClock },
        { hydrationType: 'wipe_presence', serverClock: clock + 3 },
      )
      assert.deepEqual(diff, {
        'note:changed': ['put', note('changed', { x: 7 })],
        'note:new': ['put', note('new')],
        'note:removed': ['remove'],
      })
      assert.equal(presenceOf(observer, 's').id, id)
      await Promise.all([after.leave(), observer.leave()])
    })
  }

  test('who does not come back takes its presence along, later', async () => {
    const observer = await Client.connect(roomd, 'gone')
    const leaver = await Client.connect(roomd, 'gone')
    await leaver.push({ presence: presence('leaver') })
    await until('presence', () => presenceOf(observer, 'leaver'))
    const left = Date.now()
    leaver.drop()
    await until('no presence', () => !presenceOf(observer, 'leaver'))
    assert.ok(Date.now() - left >= REMOVAL_WAIT_MS - 100)
    await observer.leave()
  })

  test('everybody in a room sees everybody, across encodings', async () => {
    const opened = Array.from({ length: 10 }, (_, i) =>
      Client.connect(roomd, 'crowd', { binary: i % 2 === 0 }),
    )
    const clients = await Promise.all(opened)
    const sent = clients.map((client, i) =>
      client.push({ diff: putNote(String(i)), presence: presence(`n${i}`) }),
    )
    assert.deepEqual(await Promise.all(sent), Array(10).fill('commit'))
    await until('all documents everywhere', () =>
      clients.every(({ documents }) => Object.keys(documents).length === 10),
    )
    await until('all presence everywhere', () =>
      clients.every((client, i) =>
        clients.every((_, j) => (presenceOf(client, `n${j}`) === undefined) === (i === j)),
      ),
    )
    await Promise.all(clients.map((client) => client.leave()))
  })

  test('a client that does not read costs nobody else anything', async () => {
    const gateway = await roomd.child('gateway-1')
    const drawer = await Client.connect(roomd, 'slow')
    const reader = await Client.connect(roomd, 'slow', { binary: true })
    const slow = await Client.connect(roomd, 'slow', { session: 'slow' })
    await drawer.push({ diff: putNote('1') })
    slow.pause()
    const before = residentBytes(gateway)
    let most = 0
    for (let i = 0; i < BIG_PUSHES; i++) {
      await drawer.push({ diff: { 'note:1': ['patch', { text: ['put', String(i % 10).repeat(BIG)] }] } })
      most = Math.max(most, residentBytes(gateway))
    }
    await until(
      'the last drawing',
      () => reader.records.get('note:1')?.text[0] === String((BIG_PUSHES - 1) % 10),
    )
    await roomd.logged('that the slow one is closed', /session=slow: client does not keep up and is closed/)
    assert.equal(reader.closed, null)
    if (!process.env.E2E_SANITIZED) {
      assert.ok(most - before < GATEWAY_GROWTH, `the gateway grew by ${(most - before) >> 20} MiB`)
    }
    slow.resume()
    const { code } = await slow.close()
    assert.equal(code, 1006)
    await Promise.all([drawer.leave(), reader.leave()])
  })
})

/* Each has less unread than one may have; together they have more than the gateway may. */
describe('clients that do not read, together', () => {
  const ROOMS = ['one', 'two', 'three']
  const BOUND = 16 << 20
  let roomd

  before(async () => {
    roomd = await Roomd.start({ args: ['--max-unsent', '16m', '--idle-timeout', '0'] })
  })
  after(() => roomd.finish())

  const metric = async (name) => {
    const text = await (await roomd.get('/metrics')).text()
    return Number(new RegExp(`^${name}\\{process="gateway-1".*\\} (\\S+)$`, 'm').exec(text)[1])
  }

  test('are sent away, the slowest first, with a code to come back by', async () => {
    const drawers = await Promise.all(ROOMS.map((room) => Client.connect(roomd, room)))
    const slow = await Promise.all(ROOMS.map((room) => Client.connect(roomd, room, { binary: true })))
    await Promise.all(drawers.map((drawer) => drawer.push({ diff: putNote('1') })))
    slow.forEach((client) => client.pause())
    let most = 0
    for (let i = 0; (await metric('roomd_closes_slow_total')) === 0; i++) {
      assert.ok(i < BIG_PUSHES, 'nobody is sent away')
      const text = ['put', String(i % 10).repeat(BIG)]
      await Promise.all(drawers.map((drawer) => drawer.push({ diff: { 'note:1': ['patch', { text }] } })))
      most = Math.max(most, await metric('roomd_unsent_bytes'))
    }
    assert.ok(most <= BOUND && most > BOUND / 2, `${most} bytes waited`)
    await roomd.logged('who is closed', /too much waits for clients to read it.* closed=1 /)
    slow.forEach((client) => client.resume())
    await until('one is told to come back', () => slow.some(({ closed }) => closed?.code === 1013))
    assert.equal(slow.filter(({ closed }) => closed).length, 1)
    assert.ok(drawers.every(({ closed }) => closed === null))
    await until('nothing waits any more', async () => (await metric('roomd_unsent_bytes')) < 1 << 20)
    await Promise.all([...drawers, ...slow.filter(({ closed }) => !closed)].map((client) => client.leave()))
  })
})

describe('idle sessions', () => {
  test('are closed, and those that ping are not', async () => {
    const roomd = await Roomd.start({ args: ['--idle-timeout', String(IDLE_S)] })
    try {
      const idle = await Client.connect(roomd, 'idle')
      const pinging = await Client.connect(roomd, 'idle')
      const started = Date.now()
      const stay = setInterval(() => pinging.send({ type: 'ping' }), 500)
      const { code } = await idle.close()
      clearInterval(stay)
      assert.equal(code, 1005)
      assert.ok(Date.now() - started >= IDLE_S * 1000 - 100)
      assert.equal(pinging.closed, null)
    } finally {
      await roomd.finish()
    }
  })
})
