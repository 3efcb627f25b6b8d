/* Rooms that were stored without `--schema`, or under another one, and are opened with it. */
import * as tlschema from '@tldraw/tlschema'
import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { cardApp } from './lib/card_app.js'
import { snapshotOf } from './lib/host.js'
import { keyOf } from './lib/redis.js'
import { releases } from './lib/releases.js'
import { withRoomd } from './lib/roomd.js'
import { TLDRAW_FILE, tldrawSchema } from './lib/schemas.js'
import { LOOK, STORE_PROPS, STROKE, TEXT, richText, shapeOf } from './lib/shapes.js'
import { SyncClient, closeAll, complaints, newest, sortMembers } from './lib/sync.js'
import { until } from './lib/wait.js'

const POINTS = [
  { x: 0, y: 0, z: 0.5 },
  { x: 10.5, y: -3, z: 0.25 },
]
const GEO = { ...LOOK, ...TEXT, geo: 'star', dash: 'draw', fill: 'solid', w: 80, h: 40 }
const NOTE = { ...LOOK, ...TEXT, fontSizeAdjustment: 0 }
const DRAW = { ...LOOK, fill: 'none', dash: 'draw', isComplete: true, isPen: true, isClosed: false }

/* What clients of these releases store, and why those of 5.4.2 would not. */
const STORED = {
  '3.2.0': () => {
    const { labelColor, ...note } = NOTE // has none yet
    return [
      shapeOf('geo', 'geo', { ...GEO, text: 'two\nlines' }), // text has no form
      shapeOf('note', 'note', { ...note, text: '' }),
      shapeOf('draw', 'draw', { ...DRAW, segments: [{ type: 'free', points: POINTS }] }),
    ]
  },
  '3.15.6': () => [
    shapeOf('geo', 'geo', { ...GEO, richText: richText('words') }),
    shapeOf('note', 'note', { ...NOTE, richText: richText('') }),
    shapeOf('draw', 'draw', { ...DRAW, segments: [{ type: 'free', points: POINTS }] }), // points in JSON
  ],
  '4.5.12': ({ b64Vecs }) => [
    shapeOf('note', 'note', { ...NOTE, fontSizeAdjustment: 2, richText: richText('') }), // not who edited it
    shapeOf('draw', 'draw', {
      ...DRAW,
      ...STROKE,
      segments: [{ type: 'free', path: b64Vecs.encodePoints(POINTS) }],
    }),
  ],
  '5.0.0': () => [shapeOf('geo', 'geo', { ...GEO, richText: richText('') })], // has no flips
}

function openClient(roomd, room, release, schema) {
  return new SyncClient(roomd, room, { release, schema, props: STORE_PROPS, presence: null })
}

async function joined(...args) {
  const client = openClient(...args)
  await client.ready()
  return client
}

/* Puts records, and returns all documents once they are stored. */
async function store(roomd, room, client, records) {
  client.store.put(records)
  await until('all that stored', async () => {
    assert.deepEqual(statesOf(await snapshotOf(roomd, room)), sortMembers(client.documents))
    return true
  })
  return client.documents
}

async function reopen(roomd, args) {
  await roomd.stop()
  roomd.forgetRedis()
  await roomd.start(args)
}

const statesOf = ({ documents }) =>
  sortMembers(Object.fromEntries(documents.map(({ state }) => [state.id, state])))

after(() => assert.deepEqual(complaints, []))
afterEach(closeAll)

describe('rooms that were stored', { concurrency: false }, () => {
  test('without a schema file are migrated from the schema of their clients', () =>
    withRoomd({}, async (roomd) => {
      const stored = new Map()
      for (const [version, records] of Object.entries(STORED)) {
        const { schema, tlschema, ...release } = releases[version]
        const client = await joined(roomd, version, release, schema)
        stored.set(version, await store(roomd, version, client, records(tlschema)))
        client.close()
      }

      await reopen(roomd, ['--schema', TLDRAW_FILE])
      for (const [version, documents] of stored) {
        const client = await joined(roomd, version, newest, tldrawSchema)
        const { schema } = releases[version]
        const wanted = tldrawSchema.migrateStoreSnapshot({ store: documents, schema: schema.serialize() })
        assert.equal(wanted.type, 'success', version)
        assert.deepEqual(sortMembers(client.documents), sortMembers(wanted.value), version)
        const snapshot = await snapshotOf(roomd, version)
        assert.deepEqual(statesOf(snapshot), sortMembers(wanted.value), version)
        assert.deepEqual(snapshot.schema, tldrawSchema.serialize())
        for (const record of Object.values(client.documents)) {
          tldrawSchema.validateRecord(client.store, record, 'tests', null)
        }
      }
      const still = await joined(roomd, '5.0.0', releases['5.0.0'], releases['5.0.0'].schema)
      assert.deepEqual(sortMembers(still.documents), sortMembers(stored.get('5.0.0')))
    }))

  test('under a newer schema stay as they are, and their clients hear that the server is too old', () =>
    withRoomd({ args: ['--schema', cardApp.v3.file] }, async (roomd) => {
      const card = shapeOf('1', 'card', { w: 1, h: 1, tint: '#000000', lines: [{ text: 'x', done: true }] })
      const documents = await store(roomd, 'r', await joined(roomd, 'r', newest, cardApp.v3.schema), [card])
      const before = await snapshotOf(roomd, 'r')
      closeAll()

      await reopen(roomd, ['--schema', cardApp.v1.file])
      const contents = async () => {
        const redis = await roomd.redis()
        const { clock, snapshot_clock } = await redis.hash(keyOf('r'))
        const [log, snapshot] = [`${keyOf('r')}:log`, `${keyOf('r')}:snapshot`]
        return {
          clock,
          snapshot_clock,
          log: await redis.text('XRANGE', log, '-', '+'),
          snapshot: await redis.bytes('GET', snapshot),
        }
      }
      const kept = await contents()
      assert.ok(kept.snapshot || kept.log.length > 0)
      for (const { schema } of [cardApp.v1, cardApp.v3]) {
        const client = openClient(roomd, 'r', newest, schema)
        assert.equal(await client.refused(), 'SERVER_TOO_OLD')
        client.close()
      }
      assert.deepEqual(await contents(), kept)
      await roomd.logged('which room it is', /room=r: .*newer/)

      await reopen(roomd, ['--schema', cardApp.v3.file])
      const client = await joined(roomd, 'r', newest, cardApp.v3.schema)
      assert.deepEqual(sortMembers(client.documents), sortMembers(documents))
      assert.deepEqual(await snapshotOf(roomd, 'r'), before)
    }))
})
