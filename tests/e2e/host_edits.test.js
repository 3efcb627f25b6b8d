/* What other services do to rooms over the admin port: records, snapshots, whole rooms. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { Client, note, putNote, readRoom, SCHEMA } from './lib/client.js'
import { ask, load, refusal, roomPath, snapshotOf, update } from './lib/host.js'
import { kill } from './lib/processes.js'
import { keyOf } from './lib/redis.js'
import { ctlJson } from './lib/roomctl.js'
import { Roomd, withRoomd } from './lib/roomd.js'
import { noteSchema } from './lib/schemas.js'
import { closeAll, converge, SyncClient } from './lib/sync.js'
import { until } from './lib/wait.js'

const FATAL = 4099

function syncClient(roomd, room) {
  return new SyncClient(roomd, room, { schema: noteSchema, presence: null })
}

function storeSnapshot(...notes) {
  return { schema: SCHEMA, store: Object.fromEntries(notes.map((record) => [record.id, record])) }
}

async function workerOf(roomd, room) {
  const { owner } = await (await roomd.redis()).hash(keyOf(room))
  const { body } = await ask(roomd, 'GET', '/v1/processes')
  return body.processes.find(({ id }) => id === owner)
}

describe('rooms over the admin port', () => {
  let roomd
  before(async () => (roomd = await Roomd.start()))
  after(async () => {
    closeAll()
    await roomd.finish()
  })

  test('an update reaches the original’s clients, and is told with its clock', async () => {
    const [one, two] = [syncClient(roomd, 'update'), syncClient(roomd, 'update')]
    await Promise.all([one.ready(), two.ready()])
    one.store.put([note('old')])
    await converge([one, two])
    const first = await update(roomd, 'update', { puts: [note('a'), note('b')], deletes: ['note:old'] })
    assert.equal(first.changed, true)
    const documents = await until('what was put', async () => {
      const all = await converge([one, two])
      return all['note:a'] && all['note:b'] && !all['note:old'] && all
    })
    assert.deepEqual(documents['note:a'], note('a'))
    const again = await update(roomd, 'update', { puts: [note('a')] })
    assert.deepEqual(again, { clock: first.clock, changed: false })
    const next = await update(roomd, 'update', { puts: [note('a', { x: 7 })], expectedClock: first.clock })
    assert.deepEqual(next, { clock: first.clock + 1, changed: true })
    assert.equal(one.losses + two.losses, 0)
  })

  test('an update that expects another clock, or is no update, changes nothing', async () => {
    const client = await Client.connect(roomd, 'refused')
    await client.push({ diff: putNote('a') })
    const path = roomPath('refused', 'update')
    const { clock } = await update(roomd, 'refused', {})
    const put = { puts: [note('b')] }
    assert.equal(await refusal(roomd, 'POST', path, { ...put, expectedClock: clock + 1 }), '409 clock')
    const malformed = [
      '{', '[]', '"x"', '{"puts":{}}', '{"puts":[1]}', '{"puts":[{"id":"a"}]}', '{"deletes":[1]}',
      '{"expectedClock":-1}', '{"put":[]}',
    ]
    for (const body of malformed) {
      assert.equal(await refusal(roomd, 'POST', path, body), '400 bad-request', body)
    }
    const { body } = await ask(roomd, 'POST', path, '{"puts":[],\n "deletes":]')
    assert.match(body.detail, /at byte 23/)
    const place = await ask(roomd, 'POST', path, { puts: [note('c'), { id: 'note:d' }] })
    assert.match(place.body.detail, /\$\.puts\[1\]/)
    const html = { 'content-type': 'text/html' }
    assert.equal(await refusal(roomd, 'POST', path, '{}', html), '415 media-type')
    const foreign = { origin: 'http://elsewhere.example' }
    assert.equal(await refusal(roomd, 'POST', path, put, foreign), '403 foreign-origin')
    assert.equal(await refusal(roomd, 'POST', `${path}?x=1`, put), '400 bad-request')
    assert.equal(await refusal(roomd, 'PUT', path, put), '405 method')
    assert.equal(await refusal(roomd, 'POST', roomPath('nowhere', 'update'), put), '404 no-room')
    assert.deepEqual(Object.keys((await readRoom(roomd, 'refused')).documents), ['note:a'])
    await client.leave()
  })

  test('single records, also with odd ids, and those of the object lane', async () => {
    const odd = { ...note('x'), id: 'note:a/b c%' }
    await load(roomd, 'records', storeSnapshot(note('a'), odd))
    const { body } = await ask(roomd, 'GET', roomPath('records', 'records', 'note:a/b c%'))
    assert.deepEqual(body.state, odd)
    assert.equal(typeof body.lastChangedClock, 'number')
    assert.equal(await refusal(roomd, 'GET', roomPath('records', 'records', 'note:b')), '404 no-record')
    const objects = await ask(roomd, 'GET', roomPath('records', 'objects'))
    assert.deepEqual(objects.body.objects, [])
  })

  test('a snapshot makes a new room, and comes back as it is', async () => {
    await load(roomd, 'made', storeSnapshot(note('a'), note('b')))
    const snapshot = await snapshotOf(roomd, 'made')
    const states = Object.fromEntries(snapshot.documents.map(({ state }) => [state.id, state]))
    assert.deepEqual(states, { 'note:a': note('a'), 'note:b': note('b') })
    assert.deepEqual(snapshot.schema, SCHEMA)
    assert.ok(snapshot.documentClock >= snapshot.tombstoneHistoryStartsAtClock)
    assert.deepEqual((await readRoom(roomd, 'made')).documents, states)
    await load(roomd, 'copied', snapshot)
    assert.deepEqual((await readRoom(roomd, 'copied')).documents, states)
    const head = await roomd.get(roomPath('made', 'snapshot'), { method: 'HEAD' })
    assert.equal(`${head.status} ${head.headers.get('content-type')}`, '200 application/json')
    assert.equal(await refusal(roomd, 'GET', roomPath('unmade', 'snapshot')), '404 no-room')
    assert.equal(await refusal(roomd, 'PUT', roomPath('unmade', 'snapshot'), { a: 1 }), '400 bad-request')
    assert.equal(await refusal(roomd, 'PUT', roomPath('bare', 'snapshot'), { store: {} }), '409 no-schema')
  })

  test('a snapshot is loaded into a live room under its clients', async () => {
    const [one, two] = [syncClient(roomd, 'live'), syncClient(roomd, 'live')]
    await Promise.all([one.ready(), two.ready()])
    one.store.put([note('kept', { x: 1 }), note('gone')])
    await converge([one, two])
    const before = await snapshotOf(roomd, 'live')
    const { clock } = await load(roomd, 'live', storeSnapshot(note('kept', { x: 1 }), note('new')))
    assert.equal(clock, before.documentClock + 1)
    await until('what was loaded', async () => Object.keys(await converge([one, two])).join() === 'note:kept,note:new')
    two.store.put([note('after')])
    const documents = await converge([one, two])
    assert.deepEqual(Object.keys(documents).sort(), ['note:after', 'note:kept', 'note:new'])
    const after = await snapshotOf(roomd, 'live')
    const kept = (snapshot) => snapshot.documents.find(({ state }) => state.id === 'note:kept')
    assert.deepEqual(kept(after), kept(before))
    assert.equal(after.tombstones['note:gone'], clock)
    assert.equal(one.losses + two.losses, 0)
  })

  test('a deleted room sends everybody away, and begins empty behind its old clock', async () => {
    const client = await Client.connect(roomd, 'deleted')
    await client.push({ diff: putNote('a') })
    const away = await Client.connect(roomd, 'deleted')
    const { clock } = away
    await away.leave()
    const { status, body } = await ask(roomd, 'DELETE', roomPath('deleted'))
    assert.deepEqual([status, body.id, body.deleted], [200, 'deleted', true])
    assert.deepEqual(await client.close(), { code: FATAL, reason: 'NOT_FOUND' })
    assert.equal(await refusal(roomd, 'GET', roomPath('deleted')), '404 no-room')
    assert.equal(await refusal(roomd, 'GET', roomPath('deleted', 'snapshot')), '404 no-room')
    assert.equal(await refusal(roomd, 'DELETE', roomPath('deleted')), '404 no-room')
    const listed = await ask(roomd, 'GET', '/v1/rooms?limit=1000')
    assert.ok(!listed.body.rooms.some(({ id }) => id === 'deleted'))
    const redis = await roomd.redis()
    assert.equal(await redis.text('EXISTS', `${keyOf('deleted')}:log`), 0)

    const next = await Client.connect(roomd, 'deleted', { connect: { lastServerClock: clock } })
    const reply = next.heard.find(({ type }) => type === 'connect')
    assert.equal(reply.hydrationType, 'wipe_all')
    assert.ok(next.clock > clock)
    assert.deepEqual(next.documents, {})
    assert.equal(await next.push({ diff: putNote('b') }), 'commit')
    assert.equal((await ask(roomd, 'GET', roomPath('deleted'))).body.records, 1)
    await next.leave()
  })
})

/* Some who put one note after another, each when the one before is answered; others' words for what was
 * not done. */
class Editors {
  answered = new Set()
  refused = new Map() // id to the type of the problem
  #next = 0
  #over = false

  constructor(roomd, room, count = 4) {
    this.roomd = roomd
    this.room = room
    this.done = Promise.all(Array.from({ length: count }, () => this.#edit()))
    this.done.catch(() => {})
  }

  async #edit() {
    while (!this.#over) {
      const id = `k${this.#next++}`
      const { status, body } = await ask(this.roomd, 'POST', roomPath(this.room, 'update'), { puts: [note(id)] })
      if (status === 200) {
        assert.equal(body.changed, true, id)
        this.answered.add(id)
      } else {
        this.refused.set(id, body.type.replace('urn:roomd:problem:', ''))
      }
    }
  }

  goesOn(count = 50) {
    const before = this.answered.size
    return until('more updates', () => this.answered.size >= before + count)
  }

  /* Ends them, and compares with what is there. */
  async check() {
    this.#over = true
    await this.done
    const { documents } = await snapshotOf(this.roomd, this.room)
    const there = new Set(documents.map(({ state }) => state.id.replace('note:', '')))
    for (const id of this.answered) {
      assert.ok(there.has(id), `${id} was answered and is not there`)
    }
    for (const id of there) {
      assert.ok(this.answered.has(id) || this.refused.get(id) === 'outcome-unknown', `${id} is there`)
    }
    const clocks = documents.map(({ lastChangedClock }) => lastChangedClock)
    assert.equal(new Set(clocks).size, clocks.length, 'each was applied once')
    return new Set(this.refused.values())
  }
}

test('updates that were answered are there, once, when their worker is killed among them', async () => {
  await withRoomd({}, async (roomd) => {
    await load(roomd, 'killed', storeSnapshot())
    const editors = new Editors(roomd, 'killed')
    for (let round = 0; round < 3; round++) {
      await editors.goesOn()
      kill((await workerOf(roomd, 'killed')).pid)
    }
    await editors.goesOn()
    const words = await editors.check()
    words.delete('outcome-unknown') // it may have caught all between two updates
    assert.deepEqual([...words], [])
  })
})

test('updates go on while their room moves', async () => {
  await withRoomd({}, async (roomd) => {
    await load(roomd, 'moved', storeSnapshot())
    const editors = new Editors(roomd, 'moved')
    for (let round = 0; round < 6; round++) {
      await editors.goesOn(20)
      const { name } = await workerOf(roomd, 'moved')
      await ctlJson(roomd, 'move', 'moved', name === 'worker-1' ? 'worker-2' : 'worker-1')
    }
    await editors.goesOn(20)
    assert.deepEqual([...(await editors.check())], [])
  })
})

test('what is refused without Redis was not done, and what was answered is there', async () => {
  await withRoomd({}, async (roomd) => {
    await load(roomd, 'alone', storeSnapshot())
    const editors = new Editors(roomd, 'alone', 2)
    for (let round = 0; round < 2; round++) {
      await editors.goesOn()
      kill(await roomd.child('redis'))
      await editors.goesOn()
    }
    const words = await editors.check()
    words.delete('outcome-unknown')
    words.delete('redis-away')
    assert.deepEqual([...words], [])
  })
})

test('a snapshot that nobody reads ends with its client, and one that loses its worker breaks off', async () => {
  await withRoomd({}, async (roomd) => {
    const notes = Array.from({ length: 10000 }, (_, i) => note(String(i), { text: 'x'.repeat(2000) }))
    await load(roomd, 'long', storeSnapshot(...notes))
    const begin = async () => {
      const socket = connect(Number(roomd.admin.split(':')[1]), '127.0.0.1')
      socket.write(`GET ${roomPath('long', 'snapshot')} HTTP/1.1\r\nHost: ${roomd.admin}\r\n\r\n`)
      await once(socket, 'readable')
      return socket
    }
    const sockets = await Promise.all(Array.from({ length: 4 }, begin))
    sockets.forEach((socket) => socket.destroy())
    const torn = await begin()
    kill((await workerOf(roomd, 'long')).pid)
    let text = ''
    torn.on('data', (bytes) => (text += bytes.subarray(-100).toString('latin1')))
    await once(torn, 'close')
    assert.ok(!text.endsWith('0\r\n\r\n'), 'the last chunk did not come')
    assert.equal((await snapshotOf(roomd, 'long')).documents.length, notes.length)
  })
})
