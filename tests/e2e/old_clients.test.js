/* Clients of several releases in rooms of tldraw's schema as `--schema` has it: who is served sees what
 * its release understands, and who is not is told so. */
import * as tlschema from '@tldraw/tlschema'
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { snapshotOf } from './lib/host.js'
import { Random, seedOfRun } from './lib/random.js'
import { releases } from './lib/releases.js'
import { Roomd } from './lib/roomd.js'
import { TLDRAW_FILE, tldrawSchema } from './lib/schemas.js'
import { SyncClient, closeAll, complaints, newest, sortMembers } from './lib/sync.js'
import { LOOK, STORE_PROPS, STROKE, TEXT, richText, shapeOf } from './lib/shapes.js'
import { until } from './lib/wait.js'

const CLIENTS = 6
const STEPS = 200
const LONGEST_PAUSE_MS = 20
const DROP = 0.02

const current = { ...newest, tlschema, schema: tldrawSchema }
const old = releases['5.0.0']

const join = (roomd, room, release, rest = {}) =>
  new SyncClient(roomd, room, { release, schema: release.schema, props: STORE_PROPS, presence: null, ...rest })

async function joined(...args) {
  const client = join(...args)
  await client.ready()
  return client
}

/* A record of one release as the other has it, by tldraw's own migrations. */
function migrated(record, direction) {
  const result = tldrawSchema.migratePersistedRecord(record, old.schema.serialize(), direction)
  assert.equal(result.type, 'success', JSON.stringify(record))
  return result.value
}
const asOld = (record) => migrated(record, 'down')
const asCurrent = (record) => migrated(record, 'up')

const segments = (points) => [{ type: 'free', path: old.tlschema.b64Vecs.encodePoints(points) }]

/* What shapes have in 5.0. */
const KINDS = {
  geo: { ...LOOK, ...TEXT, geo: 'ellipse', dash: 'draw', fill: 'none', w: 80, h: 40, richText: richText('') },
  note: { ...LOOK, ...TEXT, fontSizeAdjustment: null, richText: richText(''), textFirstEditedBy: null },
  draw: { ...LOOK, ...STROKE, fill: 'none', dash: 'draw', isClosed: false, segments: segments([]) },
  highlight: { ...LOOK, ...STROKE, segments: segments([]) },
  frame: { w: 100, h: 50, name: '', color: 'black' },
}

/* A new shape as 5.0 has it. */
const oldShape = (id, type, props = {}) => shapeOf(id, type, { ...KINDS[type], ...props })
const currentShape = (...args) => asCurrent(oldShape(...args))

describe('clients of several releases', { concurrency: false }, () => {
  let roomd

  before(async () => {
    roomd = await Roomd.start({ args: ['--schema', TLDRAW_FILE] })
  })
  after(async () => {
    await roomd.finish()
    assert.deepEqual(complaints, [])
  })
  afterEach(closeAll)

  test('those that can be served are, and the others hear that they are too old', async () => {
    const now = await joined(roomd, 'releases', current)
    const shape = currentShape('1', 'geo')
    now.store.put([shape])
    const before = await joined(roomd, 'releases', old)
    await before.sees( shape.id, asOld(shape))
    const refused = Object.entries({
      '4.5.12': 'CLIENT_TOO_OLD', // the reason of a close with 4099
      '3.15.6': 'CLIENT_TOO_OLD',
      '3.2.0': 'clientTooOld', // that of an incompatibility_error
    })
    for (const [version, reason] of refused) {
      const client = join(roomd, 'releases', releases[version])
      assert.equal(await client.refused(), reason, version)
      client.close()
    }
    before.store.update(shape.id, (record) => ({ ...record, x: 5 }))
    await now.sees( shape.id, { ...shape, x: 5 })
    now.store.remove([shape.id])
    await before.sees( shape.id, null)
    assert.deepEqual([now.losses, before.losses], [0, 0])
  })

  test('what 5.0 does not know is kept from it, and falls back where it edits', async () => {
    const [now, before] = [await joined(roomd, 'flips', current), await joined(roomd, 'flips', old)]
    const drawn = oldShape('old', 'geo')
    before.store.put([drawn])
    await now.sees( drawn.id, { ...drawn, props: { ...drawn.props, flipX: false, flipY: false } })

    const flipped = currentShape('new', 'geo', {})
    Object.assign(flipped.props, { flipX: true, flipY: true })
    now.store.put([flipped])
    now.editProps(drawn.id, { flipX: true })
    const { flipX, flipY, ...known } = flipped.props
    await before.sees( flipped.id, { ...flipped, props: known })
    await before.sees( drawn.id, drawn)

    before.store.update(flipped.id, (shape) => ({ ...shape, x: 7 }))
    await now.sees( flipped.id, { ...flipped, x: 7, props: { ...known, flipX: false, flipY: false } })
    now.editProps(flipped.id, { flipX: true, w: 33 })
    await before.sees( flipped.id, { ...flipped, x: 7, props: { ...known, w: 33 } })
    const { documents } = await snapshotOf(roomd, 'flips')
    const stored = documents.find(({ state }) => state.id === flipped.id).state
    assert.deepEqual(stored, now.store.get(flipped.id))
    assert.ok(stored.props.flipX)
  })

  test('a member that has another name by now has its own name for each', async () => {
    const [now, before] = [await joined(roomd, 'notes', current), await joined(roomd, 'notes', old)]
    const drawn = oldShape('1', 'note', { textFirstEditedBy: 'user:ada' })
    before.store.put([drawn])
    const { textFirstEditedBy, ...same } = drawn.props
    await now.sees( drawn.id, { ...drawn, props: { ...same, textLastEditedBy: 'user:ada' } })
    now.editProps(drawn.id, { textLastEditedBy: 'user:grace' })
    await before.sees( drawn.id, { ...drawn, props: { ...same, textFirstEditedBy: 'user:grace' } })
  })

  for (const type of ['draw', 'highlight']) {
    test(`points without pressure are points with it in 5.0 (${type})`, async () => {
      const room = `points-${type}`
      const [now, before] = [await joined(roomd, room, current), await joined(roomd, room, old)]
      const points = Array.from({ length: 40 }, (_, i) => ({ x: i * 3.3, y: 100 * Math.sin(i), z: 0.5 }))
      const path = tlschema.b64Vecs.encodePoints(points, 2)
      const drawn = currentShape('new', type, { segments: [{ type: 'free', path, dim: 2 }] })
      now.store.put([drawn])
      await before.sees( drawn.id, asOld(drawn))
      const [segment] = before.store.get(drawn.id).props.segments
      assert.deepEqual(Object.keys(segment).sort(), ['path', 'type'])
      const read = old.tlschema.b64Vecs.decodePoints(segment.path)
      assert.deepEqual(read, tlschema.b64Vecs.decodePoints(path, 2))

      const longer = segments([...read, { x: 1, y: 2, z: 0.25 }])
      before.editProps(drawn.id, { segments: longer, isComplete: true })
      await now.sees( drawn.id, { ...drawn, props: { ...drawn.props, segments: longer, isComplete: true } })
      const other = oldShape('old', type, { segments: segments(points) })
      before.store.put([other])
      await now.sees( other.id, other)
    })
  }

  const seed = seedOfRun()

  test('edits at random while connections break: each ends with what its release has of it', () =>
    fuzz(roomd, 'fuzz', seed))
})

/* A path that a 5.0 client has brought to its own form, while somebody else added to it in the form that it
 * had, is none: whoever draws on then begins anew. */
function pointsOf(release, { path, dim }) {
  try {
    return release.tlschema.b64Vecs.decodePoints(path, dim)
  } catch {
    return []
  }
}

/* Edits of one shape; `change` returns what becomes of its props. */
const anyone = [
  (shape, random) => ({ ...shape, x: random.below(1000), y: -random.unit() }),
  (shape, random) => ({ ...shape, meta: random.chance(0.3) ? {} : { ...shape.meta, n: random.below(9) } }),
  (shape, random) => ({ ...shape, props: { ...shape.props, color: random.pick(['red', 'blue', 'black']) } }),
]

const withProps = (type, change) => (shape, random, release) =>
  shape.type === type ? { ...shape, props: { ...shape.props, ...change(shape.props, random, release) } } : shape

const typed = ['geo', 'note'].map((type) =>
  withProps(type, (_, random) => ({ richText: richText('x'.repeat(random.below(20))) })),
)
const drawn = ['draw', 'highlight'].map((type) =>
  withProps(type, (props, random, release) => {
    const [segment] = props.segments
    const point = { x: random.below(300), y: random.unit() * 100, z: segment.dim === 2 ? 0.5 : random.unit() }
    const path = release.tlschema.b64Vecs.encodePoints([...pointsOf(release, segment), point], segment.dim)
    return { segments: [{ ...segment, path }] }
  }),
)
const common = [...anyone, ...typed, ...drawn]

const EDITS = new Map([
  [old, [...common, withProps('note', (_, random) => ({ textFirstEditedBy: `user:${random.below(5)}` }))]],
  [
    current,
    [
      ...common,
      withProps('geo', (_, random) => ({ flipX: random.chance(0.7), flipY: random.chance(0.3) })),
      withProps('note', (_, random) => ({ textLastEditedBy: `user:${random.below(5)}` })),
    ],
  ],
])

/* A new shape as a client of that release makes it. */
function create(release, id, random) {
  const shape = oldShape(id, random.pick(Object.keys(KINDS)))
  if (release === current && shape.props.segments) {
    shape.props.segments = [{ type: 'free', path: '', dim: 2 }]
  }
  return release === old ? shape : asCurrent(shape)
}

function act(client, release, random, name, step) {
  client.store.atomic(() => {
    for (let i = random.chance(0.1) ? 5 : 1; i > 0; i--) {
      const shapes = client.store.allRecords().filter((record) => record.typeName === 'shape')
      if (shapes.length < 8 || random.chance(0.1)) {
        client.store.put([create(release, `${name}-${step}-${i}`, random)])
      } else if (random.chance(0.08)) {
        client.store.remove([random.pick(shapes).id])
      } else {
        client.store.update(random.pick(shapes).id, (shape) =>
          random.pick(EDITS.get(release))(shape, random, release),
        )
      }
    }
  })
  client.store._flushHistory() // as in sync.test.js
}

async function live(client, release, random, name) {
  for (let step = 0; step < STEPS; step++) {
    act(client, release, random, name, step)
    if (random.chance(DROP)) {
      client.drop()
    }
    await pause(random.below(LONGEST_PAUSE_MS))
  }
}

const sorted = (documents) => sortMembers(Object.fromEntries(documents.map((record) => [record.id, record])))

async function fuzz(roomd, room, seed) {
  const clients = Array.from({ length: CLIENTS }, (_, i) => {
    const release = i % 2 ? old : current
    return { release, client: join(roomd, room, release, { binary: i % 3 === 2 }) }
  })
  await Promise.all(clients.map(({ client }) => client.ready()))
  await Promise.all(
    clients.map(({ client, release }, i) => live(client, release, new Random(seed + i), String(i))),
  )
  clients.push(...[old, current].map((release) => ({ release, client: join(roomd, room, release) })))

  await until('everybody has what the room has', async () => {
    for (const { client } of clients) {
      assert.equal(client.failure, null)
      assert.ok(client.isSettled)
    }
    const { documents } = await snapshotOf(roomd, room)
    const states = documents.map(({ state }) => state)
    const wanted = new Map([[current, sorted(states)], [old, sorted(states.map(asOld))]])
    for (const { client, release } of clients) {
      assert.deepEqual(sortMembers(client.documents), wanted.get(release))
    }
    return true
  })
  const { documentClock } = await snapshotOf(roomd, room)
  assert.ok(documentClock > STEPS / 4, `${documentClock} changes`)
  assert.ok(clients.some(({ client }) => client.losses > 0), 'no connection was lost')
}
