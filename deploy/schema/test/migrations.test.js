import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from '../lib/load.js'
import { asSteps } from '../lib/steps.js'
import { filterAsData } from '../lib/probe.js'
import { callHere, engines } from './lib/engines.js'
import { exported, folder } from './lib/export.js'
import { passes, step } from './lib/interpreter.js'
import { defaultSchema, validateCases, variants } from './lib/records.js'

const tldraw = await exported('default.js')
const files = {
  'default.js': { ...tldraw, real: (await load(`${folder}default.js`, 'default')).schema },
  'example/card-v3.ts': {
    ...(await exported('example/card-v3.ts')),
    real: (await load(`${folder}example/card-v3.ts`, 'default')).schema,
  },
}

const bases = validateCases.filter(({ note }) => note === 'base record').map(({ record }) => record)
bases.push(
  {
    ...bases.find(({ type }) => type === 'geo'),
    type: 'card',
    props: { w: 1, h: 2, text: 'one\n[x] two' },
  },
  {
    ...bases.find(({ type }) => type === 'geo'),
    type: 'card',
    props: { w: 1, h: 2, tint: '#000000', lines: [{ text: 'a', done: true }] },
  },
)

/* Whether something that is no object is where steps would look for a member. */
function lacksParent(record, path) {
  return path.slice(0, -1).some((_name, i) => {
    const at = path.slice(0, i + 1).reduce((object, name) => object?.[name], record)
    return typeof at !== 'object' || at === null || Array.isArray(at)
  })
}

const realOf = (schema, id) => schema.sortedMigrations.find((migration) => migration.id === id)
const all = (schema) => schema.sequences.flatMap(({ migrations }) => migrations)

test('sequences, dependencies and order are those of tldraw', () => {
  const shown = tldraw.schema.sequences.map(({ sequenceId, retroactive, migrations }) => ({
    sequenceId,
    retroactive,
    version: migrations.length,
    migrations: migrations.map(({ id, scope, dependsOn, down }) => ({
      id,
      scope,
      ...(dependsOn && { dependsOn }),
      hasDown: Boolean(down),
    })),
  }))
  assert.deepEqual(shown, defaultSchema.sequences)
  assert.deepEqual(tldraw.schema.order, defaultSchema.order)
})

test('what a client of the last year needs of tldraw is steps', () => {
  const migration = (id) => all(tldraw.schema).find((one) => one.id === id)
  const props = (op, name, value) => ({ op, path: ['props', name], ...(op === 'set' && { value }) })
  assert.deepEqual(migration('com.tldraw.shape.geo/12'), {
    id: 'com.tldraw.shape.geo/12',
    scope: 'record',
    filter: { typeName: 'shape', type: 'geo' },
    up: [props('set', 'flipX', false), props('set', 'flipY', false)],
    down: [props('delete', 'flipX'), props('delete', 'flipY')],
  })
  assert.ok(Array.isArray(migration('com.tldraw.shape.note/13').down))
  assert.deepEqual(migration('com.tldraw.shape.draw/5').up, [])
  assert.deepEqual(migration('com.tldraw.shape.geo/4').up, [])
})

for (const [name, { schema, functions, real }] of Object.entries(files)) {
  test(`filters of ${name} let through what the original's do`, () => {
    for (const migration of all(schema).filter(({ scope }) => scope === 'record')) {
      const { filter } = realOf(real, migration.id)
      for (const record of bases) {
        const expected = filter ? Boolean(filter(record)) : true
        assert.equal(
          passes(migration.filter, functions, record),
          expected,
          `${migration.id} of ${record.id}`,
        )
      }
    }
  })

  // Each record migration, in both directions, on what its filter lets through and worse.
  const calls = []
  const expected = []
  const steps = []
  for (const migration of all(schema).filter(({ scope }) => scope === 'record')) {
    const original = realOf(real, migration.id)
    const records = bases.filter((record) => passes(migration.filter, functions, record))
    if (!records.length && migration.filter)
      records.push({ id: 'x:y', ...migration.filter, props: {}, meta: {} })
    for (const direction of ['up', 'down'].filter((one) => migration[one])) {
      const how = migration[direction]
      const tries = records.flatMap((record, seed) => variants(record, 25, seed + 1))
      const [key, into] = Array.isArray(how) ? [how, steps] : [how.function, calls]
      const here = callHere(
        { it: (record) => original[direction](record) },
        tries.map((record) => ['it', 'migrate', record]),
      )
      tries.forEach((record, i) => {
        if (into === calls) {
          calls.push([key, 'migrate', record])
          expected.push(here[i])
        } else steps.push({ id: `${migration.id} ${direction}`, how, record, expected: here[i] })
      })
    }
  }

  test(`steps of ${name} do what the original's functions do`, () => {
    assert.ok(steps.length > 1000)
    for (const { id, how, record, expected: wanted } of steps) {
      const mine = structuredClone(record)
      for (const one of how) step(mine, one)
      // Where there is no object to change, the original may fail and steps do what they can.
      if (how.some((one) => lacksParent(record, one.path ?? one.from))) continue
      assert.deepEqual(mine, wanted.value, `${id}: ${JSON.stringify(record)}`)
    }
  })

  for (const [engine, run] of Object.entries(engines)) {
    test(`code of ${name} does what the original's functions do, in ${engine}`, () => {
      const results = run(schema.code, calls)
      let returned = 0
      results.forEach((result, i) => {
        assert.deepEqual(result, expected[i], `${calls[i][0]}: ${JSON.stringify(calls[i][2])}`)
        if (!result.threw) returned++
      })
      assert.ok(returned > calls.length / 3, `${returned} of ${calls.length}`)
    })
  }
}

for (const [engine, run] of Object.entries(engines)) {
  test(`migrations of the storage do what the original's do, in ${engine}`, () => {
    const shape = bases.find(({ type }) => type === 'geo')
    const arrow = {
      id: 'shape:old',
      typeName: 'shape',
      type: 'arrow',
      parentId: 'page:page',
      index: 'a1',
      meta: {},
      props: {
        start: {
          type: 'binding',
          boundShapeId: shape.id,
          normalizedAnchor: { x: 0.5, y: 0.25 },
          isExact: false,
          isPrecise: true,
        },
        end: { type: 'point', x: 3, y: 4 },
      },
    }
    const records = [
      shape,
      arrow,
      { id: 'shape:icon', typeName: 'shape', type: 'icon' },
      { id: 'user:1', typeName: 'user' },
      { id: 'user_presence:1', typeName: 'user_presence' },
      { id: 'user_document:1', typeName: 'user_document' },
    ]
    const store = Object.fromEntries(records.map((record) => [record.id, record]))
    const { schema, real } = files['default.js']
    const coded = all(schema).filter(({ scope, up }) => scope === 'storage' && !Array.isArray(up))
    assert.equal(coded.length, 4)
    const anonymous = (result) =>
      JSON.parse(JSON.stringify(result).replace(/binding:[\w-]+/g, 'binding:some'))
    for (const { id, up } of coded) {
      const [expected] = callHere({ it: realOf(real, id).up }, [['it', 'storage', store]])
      const [got] = run(schema.code, [[up.function, 'storage', store]])
      assert.notDeepEqual(expected.value, store, id)
      assert.deepEqual(anonymous(got), anonymous(expected), id)
    }
  })
}

// ---- what is steps and what is not ----

let counter = 0
const becomes = {
  'sets a constant': [
    (r) => {
      r.props.a = { b: [1] }
    },
    [{ op: 'set', path: ['props', 'a'], value: { b: [1] } }],
  ],
  'sets and changes it': [
    (r) => {
      r.props.a = {}
      r.props.a.b = 1
    },
    [{ op: 'set', path: ['props', 'a'], value: { b: 1 } }],
  ],
  deletes: [
    (r) => {
      delete r.meta.a
    },
    [{ op: 'delete', path: ['meta', 'a'] }],
  ],
  'returns what it was given': [
    (r) => {
      r.a = 1
      return r
    },
    [{ op: 'set', path: ['a'], value: 1 }],
  ],
  'does nothing': [() => {}, []],
  moves: [
    (r) => {
      r.b = r.a
      delete r.a
    },
    [
      { op: 'delete', path: ['b'] },
      { op: 'rename', from: ['a'], to: ['b'] },
    ],
  ],
  'moves with a default': [
    (r) => {
      r.b = r.a ?? null
      delete r.a
    },
    [
      { op: 'delete', path: ['b'] },
      { op: 'default', path: ['a'], value: null },
      { op: 'rename', from: ['a'], to: ['b'] },
    ],
  ],
}
for (const [what, [fn, wanted]] of Object.entries(becomes)) {
  test(`a migration that ${what} becomes steps`, () => assert.deepEqual(asSteps(fn), wanted))
}

const stays = {
  'depends on a value': (r) => {
    if (r.props.a === 'x') r.props.a = 'y'
  },
  'depends on a value that it sets': (r) => {
    if (r.props.a !== 'x') r.props.a = 'y'
  },
  'depends on the presence of an object': (r) => {
    if (r.props.a) r.props.a.b = 1
  },
  'depends on the type of a value': (r) => {
    if (typeof r.a === 'number') r.b = 1
  },
  'depends on the presence of another': (r) => {
    if ('a' in r) r.b = 1
  },
  'sets unless present': (r) => {
    r.a ??= 1
  },
  computes: (r) => {
    r.a = r.b + 1
  },
  copies: (r) => {
    r.a = r.b
  },
  swaps: (r) => {
    const a = r.a
    r.a = r.b
    r.b = a
  },
  'returns something else': (r) => ({ ...r, a: 1 }),
  'goes through all members': (r) => {
    for (const key of Object.keys(r)) delete r[key]
  },
  'counts its calls': (r) => {
    r.a = ++counter
  },
  'is up to chance': (r) => {
    r.a = Math.random()
  },
  'is up to the time': (r) => {
    r.a = new Date().getFullYear()
  },
  'is up to the time of day': (r) => {
    r.a = Date.now()
  },
  'sets what is not JSON': (r) => {
    r.a = new Map()
  },
  'sets a function': (r) => {
    r.a = () => 1
  },
  throws: () => {
    throw new Error('never')
  },
  'changes an element': (r) => {
    r.list[0] = 1
  },
  'changes a list': (r) => {
    r.list.push(1)
  },
  'changes what it took away': (r) => {
    const a = r.a
    delete r.a
    a.b = 1
  },
  'moves with a default other than null': (r) => {
    r.b = r.a || 'none'
    delete r.a
  },
}
for (const [what, fn] of Object.entries(stays)) {
  test(`a migration that ${what} stays code`, () => assert.equal(asSteps(fn), null))
}

const types = ['shape', 'page']
const subtypes = ['geo', 'card']
const filters = {
  'one type': [(r) => r.typeName === 'page', { typeName: 'page' }],
  'one type of shape': [
    (r) => r.typeName === 'shape' && r.type === 'card',
    { typeName: 'shape', type: 'card' },
  ],
  'an unknown type': [(r) => r.typeName === 'gone', { typeName: 'gone' }],
  'two types': [(r) => r.typeName === 'page' || r.typeName === 'shape', null],
  'a list of types': [(r) => ['shape', 'page'].includes(r.typeName), null],
  'all but one': [(r) => r.typeName === 'shape' && r.type !== 'geo', null],
  'a beginning': [(r) => r.typeName === 'shape' && r.type.startsWith('car'), null],
  'a pattern': [(r) => /^page$/.test(r.typeName), null],
  'the properties': [(r) => r.typeName === 'shape' && r.props.a === 1, null],
}
for (const [what, [filter, wanted]] of Object.entries(filters)) {
  test(`a filter of ${what} is ${wanted ? 'data' : 'code'}`, () => {
    assert.deepEqual(filterAsData(filter, types, subtypes), wanted)
  })
}
