/* What other services do to people in rooms over the admin port, and what they hear of rooms. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, note, putNote } from './lib/client.js'
import { ask, done, load, refusal, roomPath, sessionsOf, update } from './lib/host.js'
import { kill } from './lib/processes.js'
import { ctlJson } from './lib/roomctl.js'
import { keyOf } from './lib/redis.js'
import { Roomd, withRoomd } from './lib/roomd.js'
import { noteSchema } from './lib/schemas.js'
import { closeAll, SyncClient } from './lib/sync.js'
import { until } from './lib/wait.js'

const FATAL = 4099

async function eventsOf(roomd, room) {
  const entries = await (await roomd.redis()).text('XRANGE', 'roomd:events', '-', '+')
  const events = entries.map(([, flat]) =>
    Object.fromEntries(flat.flatMap((name, i) => (i % 2 ? [] : [[name, flat[i + 1]]]))),
  )
  return events.filter((event) => event.room === room)
}

describe('sessions over the admin port', () => {
  let roomd
  before(async () => (roomd = await Roomd.start()))
  after(async () => {
    closeAll()
    await roomd.finish()
  })

  test('the list has everybody, in order', async () => {
    const one = await Client.connect(roomd, 'list', { session: 'one' })
    const two = await Client.connect(roomd, 'list', { session: 'two', readonly: true })
    const three = await Client.open(roomd, 'list', { session: 'three' })
    const sessions = await until('three sessions', async () => {
      const list = await sessionsOf(roomd, 'list')
      return list.length === 3 && list
    })
    const told = sessions.map(({ sessionId, isConnected, isReadonly, objectAccess, state }) =>
      [sessionId, isConnected, isReadonly, objectAccess, state].join(' '),
    )
    assert.deepEqual(told, [
      'one true false write connected',
      'two true true write connected',
      'three false false write awaiting-connect',
    ])
    assert.match(sessions[0].gateway, /-g1-/)
    await Promise.all([one.leave(), two.leave(), three.leave()])
  })

  test('read-only takes effect at once, and goes with the room to another worker', async () => {
    const client = await Client.connect(roomd, 'readonly', { session: 's' })
    assert.equal(await client.push({ diff: putNote('a') }), 'commit')
    const path = roomPath('readonly', 'sessions', 's')
    assert.equal((await done(roomd, 'PATCH', path, { isReadonly: true })).isReadonly, true)
    assert.equal(await client.push({ diff: putNote('b') }), 'discard')
    const { owner } = await (await roomd.redis()).hash(keyOf('readonly'))
    const other = (await ctlJson(roomd, 'ps')).find(({ id, role }) => role === 'worker' && id !== owner)
    await ctlJson(roomd, 'move', 'readonly', other.name)
    assert.equal(await client.push({ diff: putNote('c') }), 'discard')
    kill(other.pid)
    assert.equal(await client.push({ diff: putNote('d') }), 'discard')
    assert.equal((await sessionsOf(roomd, 'readonly'))[0].isReadonly, true)
    await done(roomd, 'PATCH', path, { isReadonly: false })
    assert.equal(await client.push({ diff: putNote('e') }), 'commit')
    for (const body of ['{}', '{"isReadonly":1}', '{"isReadonly":true,"x":1}', '[]']) {
      assert.equal(await refusal(roomd, 'PATCH', path, body), '400 bad-request', body)
    }
    const nobody = roomPath('readonly', 'sessions', 'nobody')
    assert.equal(await refusal(roomd, 'PATCH', nobody, { isReadonly: true }), '404 no-session')
    assert.equal(client.closed, null)
    await client.leave()
  })

  test('custom messages come as they were sent', async () => {
    const client = await Client.connect(roomd, 'custom', { session: 's' })
    const path = roomPath('custom', 'sessions', 's', 'custom')
    for (const data of [{ hello: ['world', 1.5, null] }, 'text', 7, null, []]) {
      await done(roomd, 'POST', path, JSON.stringify(data))
      await client.hear('custom', (m) => JSON.stringify(m.data) === JSON.stringify(data))
    }
    assert.equal(await refusal(roomd, 'POST', path, 'no json'), '400 bad-request')
    assert.equal(await refusal(roomd, 'POST', roomPath('custom', 'sessions', 'x', 'custom'), '1'), '404 no-session')
    const shy = await Client.open(roomd, 'custom', { session: 'shy' })
    await until('the other session', async () => (await sessionsOf(roomd, 'custom')).length === 2)
    assert.equal(await refusal(roomd, 'POST', roomPath('custom', 'sessions', 'shy', 'custom'), '1'), '409 not-connected')
    assert.equal(await refusal(roomd, 'GET', roomPath('custom', 'sessions', 'shy', 'snapshot')), '409 not-connected')
    await Promise.all([client.leave(), shy.leave()])
  })

  test('the original’s client is given custom messages', async () => {
    const heard = []
    const client = new SyncClient(roomd, 'original', {
      schema: noteSchema,
      presence: null,
      session: 's',
      onCustomMessage: (data) => heard.push(data),
    })
    await client.ready()
    await done(roomd, 'POST', roomPath('original', 'sessions', 's', 'custom'), { for: 'you' })
    await until('the message', () => heard.length === 1)
    assert.deepEqual(heard, [{ for: 'you' }])
    client.close()
  })

  test('sessions are ended, with a reason or without', async () => {
    const one = await Client.connect(roomd, 'ended', { session: 'one' })
    const two = await Client.connect(roomd, 'ended', { session: 'two' })
    const three = await Client.connect(roomd, 'ended', { session: 'three' })
    await done(roomd, 'DELETE', roomPath('ended', 'sessions', 'one'))
    assert.equal((await one.close()).code, 1005)
    await done(roomd, 'DELETE', `${roomPath('ended', 'sessions', 'two')}?reason=GO_AWAY`)
    assert.deepEqual(await two.close(), { code: FATAL, reason: 'GO_AWAY' })
    const long = encodeURIComponent(`${'x'.repeat(122)}é`)
    await done(roomd, 'DELETE', `${roomPath('ended', 'sessions', 'three')}?reason=${long}`)
    assert.deepEqual(await three.close(), { code: FATAL, reason: 'x'.repeat(122) })
    assert.equal(await refusal(roomd, 'DELETE', roomPath('ended', 'sessions', 'one')), '404 no-session')
    assert.equal(await refusal(roomd, 'DELETE', `${roomPath('ended', 'sessions', 'x')}?why=1`), '400 bad-request')
    assert.deepEqual(await sessionsOf(roomd, 'ended'), [])
  })

  test('a session’s snapshot says what it is resumed from', async () => {
    const client = await Client.connect(roomd, 'snapshots', { session: 's', readonly: true })
    const snapshot = await done(roomd, 'GET', roomPath('snapshots', 'sessions', 's', 'snapshot'))
    assert.equal(snapshot.isReadonly, true)
    assert.equal(snapshot.presenceRecord, null)
    assert.deepEqual(Object.keys(snapshot).sort(), [
      'isReadonly', 'objectAccess', 'presenceId', 'presenceRecord', 'requiresLegacyRejection',
      'serializedSchema', 'supportsStringAppend',
    ])
    await client.leave()
  })

  test('what happens in a room can be read in Redis', async () => {
    const client = await Client.connect(roomd, 'events', { session: 's' })
    await Client.connect(roomd, 'events', { session: 't' })
    for (let i = 0; i < 50; i++) {
      await client.push({ diff: putNote(`n${i}`) })
    }
    const { clock } = await update(roomd, 'events', { deletes: ['note:n1'] })
    await done(roomd, 'DELETE', roomPath('events', 'sessions', 't'))
    await done(roomd, 'DELETE', roomPath('events', 'sessions', 's'))
    const events = await until('the last clock', async () => {
      const all = await eventsOf(roomd, 'events')
      return all.some((event) => event.clock === String(clock)) && all
    })
    const of = (type) => events.filter((event) => event.type === type)
    assert.deepEqual(of('session_removed').map(({ session, remaining }) => `${session} ${remaining}`), ['t 1', 's 0'])
    assert.equal(of('room_became_empty').length, 1)
    const clocks = of('document_changed').map((event) => Number(event.clock))
    assert.ok(clocks.length < 50, 'changes are told together')
    assert.deepEqual(clocks, [...clocks].sort((a, b) => a - b))
    await done(roomd, 'DELETE', roomPath('events'))
    await until('the deletion', async () => (await eventsOf(roomd, 'events')).some(({ type }) => type === 'room_deleted'))
  })
})

test('events are bounded, and can be off', async () => {
  const many = Array.from({ length: 300 }, (_, i) => i)
  await withRoomd({ args: ['--events-max', '100'] }, async (roomd) => {
    await load(roomd, 'r', { schema: noteSchema.serialize(), store: { 'note:a': note('a') } })
    for (const i of many) {
      const client = await Client.connect(roomd, 'r', { session: `s${i}` })
      await done(roomd, 'DELETE', roomPath('r', 'sessions', `s${i}`))
      await client.close()
    }
    const length = await (await roomd.redis()).text('XLEN', 'roomd:events')
    assert.ok(length >= 100 && length <= 250, `${length}`)
  })
  await withRoomd({ args: ['--events-max', '0'] }, async (roomd) => {
    const client = await Client.connect(roomd, 'r', { session: 's' })
    await done(roomd, 'DELETE', roomPath('r', 'sessions', 's'))
    await client.close()
    assert.equal(await (await roomd.redis()).text('EXISTS', 'roomd:events'), 0)
  })
})

test('a full table of requests says so, and none is lost', async () => {
  await withRoomd({}, async (roomd) => {
    await load(roomd, 'busy', { schema: noteSchema.serialize(), store: {} })
    const answers = await Promise.all(
      Array.from({ length: 400 }, (_, i) =>
        ask(roomd, 'POST', roomPath('busy', 'update'), { puts: [note(`n${i}`)] }),
      ),
    )
    const count = (status) => answers.filter((answer) => answer.status === status).length
    assert.equal(count(200) + count(503), 400)
    assert.ok(count(200) > 50)
    const { documents } = await done(roomd, 'GET', roomPath('busy', 'snapshot'))
    assert.equal(documents.length, count(200))
  })
})
