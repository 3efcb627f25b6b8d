import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from '../lib/load.js'
import { engines } from './lib/engines.js'
import { exported, folder } from './lib/export.js'
import { accepts } from './lib/interpreter.js'
import { defaultSchema, validateCases, variants } from './lib/records.js'

const original = await load(`${folder}default.js`, 'default')
const tldraw = await exported('default.js')

function verdict(validator, value) {
  try {
    validator.validate(value)
    return true
  } catch {
    return false
  }
}

/* Without what is for people. */
function plain(node) {
  return JSON.parse(JSON.stringify(node), (key, value) =>
    key === 'note' && typeof value === 'string' ? undefined : value,
  )
}

for (const [name, { scope, validator }] of Object.entries(defaultSchema.types)) {
  test(`tldraw's ${name} is exported as the validators have it`, () => {
    assert.equal(tldraw.schema.types[name].scope, scope)
    assert.deepEqual(plain(tldraw.schema.types[name].validator), plain(validator))
  })
}

test('tldraw has no other types, and no validator that is code', () => {
  assert.deepEqual(Object.keys(tldraw.schema.types), Object.keys(defaultSchema.types))
  assert.deepEqual(tldraw.report.validators.code, [])
})

test('verdicts on the recorded records are those recorded', () => {
  for (const { name, record, valid } of validateCases) {
    const type = tldraw.schema.types[record.typeName]
    if (!type) continue
    assert.equal(accepts(tldraw.schema, {}, type.validator, record), valid, name)
  }
})

test('verdicts on damaged records are those of the validators', () => {
  let refused = 0
  validateCases.forEach(({ name, record }, seed) => {
    const type = original.schema.types[record.typeName]
    if (!type) return
    for (const damaged of variants(record, 20, seed)) {
      const expected = verdict(type.validator, damaged)
      if (!expected) refused++
      const { validator } = tldraw.schema.types[record.typeName]
      assert.equal(
        accepts(tldraw.schema, {}, validator, damaged),
        expected,
        `${name}: ${JSON.stringify(damaged)}`,
      )
    }
  })
  assert.ok(refused > 1000)
})

test('a fixture with every kind of validator agrees with the original', async () => {
  const kinds = await exported('test/fixtures/kinds.js')
  const real = await load(`${folder}test/fixtures/kinds.js`, 'default')
  const values = [
    undefined,
    null,
    true,
    false,
    0,
    -1,
    1,
    2,
    0.5,
    7,
    13,
    '',
    'a',
    'b',
    'ab',
    'abc',
    'A',
    'x:1',
    'y:1',
    'z',
    'a0',
    'a1',
    '/p',
    'https://a.b/',
    'mailto:a@b',
    'asset:a',
    [],
    [1],
    ['a'],
    [1, 2],
    ['a', 'b'],
    {},
    { kind: 'one', a: 1 },
    { kind: 'two' },
    { kind: 'three', b: 1 },
    { kind: 'four' },
    { n: 1, a: 'a' },
    { n: 2 },
    { a: 'a' },
    { a: 1 },
    { a: 1, b: 2 },
    { a: 'a', more: 1 },
    { name: 'a', children: [{ name: 'b', children: [] }] },
    { name: 'a', children: [{ name: 1, children: [] }] },
  ]
  let tried = 0
  for (const field of Object.keys(kinds.schema.types.thing.validator.fields)) {
    const exportedField = kinds.schema.types.thing.validator.fields[field]
    const realField = real.schema.types.thing.validator.config[field]
    for (const value of values) {
      const expected = verdict(realField, value)
      const got = accepts(kinds.schema, kinds.functions, exportedField, value)
      assert.equal(got, expected, `${field} of ${JSON.stringify(value)}`)
      tried++
    }
  }
  assert.ok(tried > 1000)
})

test('what cannot be data is code, by name and with the place it is at', async () => {
  const { report, schema } = await exported('test/fixtures/kinds.js')
  const { fields } = schema.types.thing.validator
  assert.deepEqual(fields.even.inner, { kind: 'integer' })
  assert.deepEqual(fields.twoPrefixes, { kind: 'idPrefix', prefixes: ['x:', 'y:'] })
  assert.deepEqual(fields.forwarded.values, ['a', 'b'])
  assert.deepEqual(fields.tree, { kind: 'ref', name: 'tree' })
  assert.deepEqual(schema.definitions.tree.fields.children.item, { kind: 'ref', name: 'tree' })
  assert.deepEqual(
    report.validators.code.map(({ path }) => path).sort(),
    ['caseless', 'chain', 'even', 'length', 'nonEmpty', 'numberUnknown', 'own', 'unionUnknown'].map(
      (name) => `thing.${name}`,
    ),
  )
})

for (const [engine, run] of Object.entries(engines)) {
  test(`refinements give the same verdicts in ${engine}`, async () => {
    const card = await exported('example/card-v3.ts')
    const { tint, lines } =
      card.schema.types.shape.validator.inner.variants.card.fields.props.fields
    const many = Array.from({ length: 21 }, () => ({ text: '', done: false }))
    const calls = [
      [tint.function, 'check', '#a0b1c2'],
      [tint.function, 'check', '#a0b1cg'],
      [lines.function, 'check', many.slice(1)],
      [lines.function, 'check', many],
    ]
    assert.deepEqual(run(card.schema.code, calls), [
      { value: null },
      { threw: true },
      { value: null },
      { threw: true },
    ])
  })
}
