/* An app of its own shapes and records under `--schema`, with clients of its first and of a later version in
 * one room. */
import assert from 'node:assert/strict'
import { copyFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { cardApp, migratedCard } from './lib/card_app.js'
import { Client } from './lib/client.js'
import { done, roomPath, snapshotOf } from './lib/host.js'
import { kill } from './lib/processes.js'
import { Roomd, removeFolder, temporaryFolder, withRoomd } from './lib/roomd.js'
import { STORE_PROPS, shapeOf } from './lib/shapes.js'
import { SyncClient, closeAll, complaints } from './lib/sync.js'
import { until } from './lib/wait.js'

const FATAL = 4099
const MOST_LINES = 20

const oldCard = (id, text, rest = {}) => shapeOf(id, 'card', { w: 100, h: 50, text, ...rest })
const newCard = (id, lines, rest = {}) =>
  shapeOf(id, 'card', { w: 100, h: 50, tint: '#ffcc00', lines, ...rest })
const line = (text, done = false) => ({ text, done })
const vote = (id, rest = {}) => ({
  id: `vote:${id}`,
  typeName: 'vote',
  cardId: 'shape:1',
  by: 'ada',
  stars: 3,
  ...rest,
})

function openClient(roomd, room, { schema }, rest = {}) {
  return new SyncClient(roomd, room, { schema, props: STORE_PROPS, presence: null, ...rest })
}

async function joined(...args) {
  const client = openClient(...args)
  await client.ready()
  return client
}

/* One that can push what no client's own store would take. */
const rawClient = (roomd, room, { schema }) =>
  Client.connect(roomd, room, { connect: { schema: schema.serialize() } })

const put = (record) => ({ diff: { [record.id]: ['put', record] } })

after(() => assert.deepEqual(complaints, []))
afterEach(closeAll)

describe("an app's own schema", () => {
  let roomd

  before(async () => {
    roomd = await Roomd.start({ args: ['--schema', cardApp.v3.file] })
  })
  after(() => roomd.finish())

  test('each client sees what its version of the app understands', async () => {
    const [v1, v3] = [await joined(roomd, 'both', cardApp.v1), await joined(roomd, 'both', cardApp.v3)]
    v1.store.put([oldCard('1', 'milk\n[x] bread')])
    await v3.sees('shape:1', newCard('1', [line('milk'), line('bread', true)]))
    v3.editProps('shape:1', { lines: [line('milk', true), line('bread', true), line('salt')] })
    await v1.sees('shape:1', oldCard('1', '[x] milk\n[x] bread\nsalt'))

    const tinted = newCard('2', [line('tea')], { tint: '#112233' })
    v3.store.put([tinted])
    await v1.sees('shape:2', oldCard('2', 'tea'))
    v1.store.update('shape:2', (card) => ({ ...card, x: 9 }))
    await v3.sees('shape:2', { ...newCard('2', [line('tea')]), x: 9 }) // the tint that v1 does not know is lost

    const pin = {
      id: 'binding:1',
      typeName: 'binding',
      type: 'pin',
      fromId: 'shape:1',
      toId: 'shape:2',
      props: { anchor: { x: 0.5, y: 1 } },
      meta: {},
    }
    v3.store.put([pin, vote('1')])
    await v1.sees(pin.id, pin)
    await v1.sees('vote:1', vote('1'))
    v1.store.update('vote:1', (record) => ({ ...record, stars: 5 }))
    await v3.sees('vote:1', vote('1', { stars: 5 }))
    v1.store.remove(['shape:1'])
    await v3.sees('shape:1', null)
    assert.deepEqual([v1.losses, v3.losses], [0, 0])
  })

  const card = newCard('bad', [])
  for (const [what, record, app = cardApp.v3, reason = 'INVALID_RECORD'] of [
    ['a number that is a text', newCard('bad', [], { w: 'wide' })],
    ['a member that is missing', { ...card, props: { w: 1, h: 1, tint: '#000000' } }],
    ['a member too many', newCard('bad', [], { depth: 1 })],
    ['a text that is no tint', newCard('bad', [], { tint: 'red' })],
    ['more lines than a card takes', newCard('bad', Array(MOST_LINES + 1).fill(line('x')))],
    ['a line that is none', newCard('bad', ['x'])],
    ['a pin outside', { ...card, typeName: 'binding', id: 'binding:b', type: 'pin' }],
    ['a vote under a wrong id', { ...vote('1'), id: 'ballot:1' }],
    ['a vote with less than no stars', vote('bad', { stars: -1 })],
    ['a type that the app does not have', { id: 'note:1', typeName: 'note' }],
    ['a card of v1 that is too narrow', oldCard('bad', '', { w: 0 }), cardApp.v1],
    ['a card of v1 with too many lines', oldCard('bad', 'x\n'.repeat(MOST_LINES)), cardApp.v1],
    ['a card of v1 that cannot be migrated', oldCard('bad', 5), cardApp.v1, 'CLIENT_TOO_OLD'],
  ]) {
    test(`${what} is refused, and changes nothing`, async () => {
      const room = `refused: ${what}`
      const witness = await rawClient(roomd, room, cardApp.v3)
      const { clock } = witness
      const client = await rawClient(roomd, room, app)
      client.send({ type: 'push', clientClock: 0, ...put(record) })
      assert.deepEqual(await client.close(), { code: FATAL, reason })
      assert.equal(await witness.push(put(newCard('good', [line('x')]))), 'commit')
      assert.deepEqual(Object.keys(witness.documents), ['document:document', 'page:page', 'shape:good'])
      assert.equal(witness.clock, clock + 1)
      await witness.leave()
    })
  }

  test('a patch that makes a record invalid is refused, and undone for whoever sent it', async () => {
    const client = await rawClient(roomd, 'patch', cardApp.v3)
    await client.push(put(newCard('1', [line('x')])))
    client.send({
      type: 'push',
      clientClock: 1,
      diff: { 'shape:1': ['patch', { x: ['put', 5], props: ['patch', { tint: ['put', '#12345'] }] }] },
    })
    assert.deepEqual(await client.close(), { code: FATAL, reason: 'INVALID_RECORD' })
    const v3 = await joined(roomd, 'patch', cardApp.v3)
    await v3.sees('shape:1', newCard('1', [line('x')]))
  })

  test('who may only read objects draws cards and casts no votes', async () => {
    const reader = await joined(roomd, 'votes', cardApp.v3, { objectAccess: 'read' })
    const voter = await joined(roomd, 'votes', cardApp.v3)
    voter.store.put([vote('1')])
    await reader.sees('vote:1', vote('1'))
    reader.store.put([newCard('1', [line('x')]), vote('2')])
    reader.store.update('vote:1', (record) => ({ ...record, stars: 0 }))
    await voter.sees('shape:1', newCard('1', [line('x')]))
    await reader.sees('vote:2', null)
    await reader.sees('vote:1', vote('1'))
    assert.equal(voter.store.get('vote:2'), undefined)

    const { documents } = await snapshotOf(roomd, 'votes')
    assert.deepEqual(
      documents.map(({ state }) => state.typeName).sort(),
      ['document', 'page', 'shape'],
      'objects are no part of the snapshot',
    )
    const { objects } = await done(roomd, 'GET', roomPath('votes', 'objects'))
    assert.deepEqual(objects.map(({ state }) => state), [vote('1')])
    const viewer = await joined(roomd, 'votes', cardApp.v3, { readonly: true })
    viewer.store.put([vote('3'), newCard('3', [])])
    await voter.sees('vote:3', vote('3'))
    await viewer.sees('shape:3', null)
  })
})

/* A schema file that is replaced while roomd has it. */
async function withSchemaFile(body) {
  const folder = await temporaryFolder()
  const path = join(folder, 'app.schema')
  const install = async ({ file }) => {
    await copyFile(file, `${path}.new`)
    await rename(`${path}.new`, path)
  }
  try {
    await install(cardApp.v1)
    await withRoomd({ args: ['--schema', path] }, (roomd) => body(roomd, install))
  } finally {
    await removeFolder(folder)
  }
}

describe('a new version of the app', { concurrency: false }, () => {
  const ways = {
    'a restart': async (roomd) => {
      await roomd.stop()
      await roomd.start()
    },
    SIGHUP: async (roomd) => {
      kill(roomd.pid, 'SIGHUP')
      await roomd.logged('the end of it', /all workers are replaced ms=\d+/)
    },
  }
  for (const [how, renew] of Object.entries(ways)) {
    test(`comes with ${how}, and the rooms go along`, () =>
      withSchemaFile(async (roomd, install) => {
        const room = 'r'
        const v1 = await joined(roomd, room, cardApp.v1)
        const cards = [oldCard('1', 'milk\n[x] bread'), oldCard('2', '')]
        v1.store.put([...cards, vote('1')])
        await until('all that stored', () => v1.isSettled)
        const early = openClient(roomd, room, cardApp.v3)
        assert.equal(await early.refused(), 'SERVER_TOO_OLD')
        early.close()

        await install(cardApp.v3)
        await renew(roomd)
        const v3 = await joined(roomd, room, cardApp.v3)
        for (const card of cards) {
          await v3.sees(card.id, migratedCard(card, 'up'))
        }
        await v3.sees('vote:1', vote('1'))
        v3.editProps('shape:2', { lines: [line('salt', true)], tint: '#000000' })
        await v1.sees('shape:2', oldCard('2', '[x] salt'))
        v1.editProps('shape:1', { text: 'bread' })
        await v3.sees('shape:1', newCard('1', [line('bread')]))
        assert.equal(v1.failure, null)
        if (how === 'SIGHUP') {
          assert.equal(v1.losses, 0, 'who was there stays connected')
        }
      }))
  }
})
