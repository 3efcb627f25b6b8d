import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { engines } from './lib/engines.js'
import { exported, folder } from './lib/export.js'

const scratch = mkdtempSync(path.join(tmpdir(), 'roomd-schema-'))
after(() => rmSync(scratch, { recursive: true }))

function command(words, options = {}) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [`${folder}bin/roomd-schema.js`, ...words],
    {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      ...options,
    },
  )
  return { status, stdout, stderr }
}

const shipped = {
  'tldraw.schema': ['default.js'],
  'example/card-v1.schema': ['example/card-v1.ts', '--object-type', 'vote'],
  'example/card-v3.schema': ['example/card-v3.ts', '--object-type', 'vote'],
}
for (const [file, words] of Object.entries(shipped)) {
  test(`${file} is what comes of ${words[0]}, to the byte`, () => {
    const { status, stdout, stderr } = command([...words, '-o', '-', '-q'])
    assert.equal(status, 0, stderr)
    assert.ok(stdout === readFileSync(folder + file, 'utf8'), 'npm run schemas writes it again')
  })
}

test('the bytes do not depend on where the command is run', () => {
  const here = command(['test/fixtures/store.ts', '-o', '-', '-q'])
  const there = command([`${folder}test/fixtures/store.ts`, '-o', '-', '-q'], { cwd: scratch })
  assert.equal(here.status, 0, here.stderr)
  assert.equal(here.stdout, there.stdout)
})

test('the report says what became what', () => {
  const file = path.join(scratch, 'card.schema')
  const { status, stdout } = command(['example/card-v3.ts', '-o', file, '--object-type', 'vote'])
  assert.equal(status, 0)
  assert.match(stdout, /^ {2}document: asset, .*vote$/m)
  assert.match(stdout, /^ {2}shape\.card\.props\.tint: a refinement$/m)
  assert.match(stdout, /^ {2}com\.tldraw\.shape\.card\/3: up, down$/m)
  const made = JSON.parse(readFileSync(file, 'utf8'))
  assert.deepEqual(made.objectTypes, ['vote'])
  assert.deepEqual(
    made.documents.map(({ id }) => id),
    ['document:document', 'page:page'],
  )
})

test('the report as JSON has the same', () => {
  const { stdout, stderr, status } = command([
    'example/card-v3.ts',
    '-o',
    path.join(scratch, 'x'),
    '--json',
  ])
  assert.equal(status, 0, stderr)
  const report = JSON.parse(stdout)
  const card = report.migrations.filter(({ id }) => id.startsWith('com.tldraw.shape.card/'))
  assert.deepEqual(card, [
    { id: 'com.tldraw.shape.card/1', scope: 'record', filter: 'data', up: 'steps', down: 'steps' },
    { id: 'com.tldraw.shape.card/2', scope: 'record', filter: 'data', up: 'steps', down: 'steps' },
    { id: 'com.tldraw.shape.card/3', scope: 'record', filter: 'data', up: 'code', down: 'code' },
  ])
  assert.equal(report.packages['@tldraw/tlschema'], '5.4.2')
  assert.equal(report.validators.code.length, 2)
})

const refused = {
  'a module that is not there': [['no.ts'], /There is no file no\.ts/],
  'a package that is not there': [
    ['test/fixtures/missing.js'],
    /Could not resolve "no-such-package"/,
  ],
  'a module that is no module': [['test/fixtures/syntax.ts'], /syntax\.ts:\d+: /],
  'a module that throws': [
    ['test/fixtures/throws.js'],
    /throws when it is run: RangeError: out of cheese/,
  ],
  'an export that is no schema': [['test/fixtures/not-a-schema.js'], /`default` is not a schema/],
  'an export that is not there': [
    ['default.js', '--export', 'mine'],
    /no export `mine`; it exports default/,
  ],
  'code that no engine runs': [['test/fixtures/browser.js'], /does not run without a browser/],
  'code where there shall be none': [
    ['example/card-v3.ts', '--no-code'],
    /check shape\.card\.props\.tint/,
  ],
  'an object type that is none': [
    ['default.js', '--object-type', 'camera'],
    /no document type camera/,
  ],
  'documents that are not there': [
    ['default.js', '--documents', 'no.json'],
    /documents cannot be read/,
  ],
  'documents that are not valid': [
    ['default.js', '--documents', 'bad.json'],
    /cannot start with "page:x": At page\.name/,
  ],
}
for (const [what, [words, message]] of Object.entries(refused)) {
  test(`${what} is refused with a reason, and nothing is written`, () => {
    writeFileSync(
      path.join(scratch, 'bad.json'),
      '[{"id":"page:x","typeName":"page","name":1,"index":"a1","meta":{}}]',
    )
    const file = path.join(scratch, 'never.schema')
    const { status, stderr } = command([
      ...words.map((word) => (word === 'bad.json' ? path.join(scratch, word) : word)),
      '-o',
      file,
    ])
    assert.equal(status, 1, stderr)
    assert.match(stderr, message)
    assert.doesNotMatch(stderr, /\n {4}at /)
    assert.throws(() => readFileSync(file))
  })
}

test('a wrong call shows how it is called', () => {
  for (const words of [[], ['default.js'], ['a', 'b', '-o', 'c'], ['--what']]) {
    const { status, stderr } = command(words)
    assert.equal(status, 2)
    assert.match(stderr, /usage: roomd-schema/)
  }
})

test('a room can start with nothing, or with what a file says', async () => {
  assert.equal((await exported('default.js', { documents: 'none' })).schema.documents, undefined)
  const file = path.join(scratch, 'documents.json')
  writeFileSync(file, '[{"id":"page:mine","typeName":"page","name":"Mine","index":"a1","meta":{}}]')
  assert.equal((await exported('default.js', { documents: file })).schema.documents[0].name, 'Mine')
})

test('a schema beside what draws is exported without it', async () => {
  const { schema, report } = await exported('test/fixtures/drawing.tsx', { exportName: 'schema' })
  const { star, geo } = schema.types.shape.validator.inner.variants
  assert.deepEqual(star.fields.props.fields.points, { kind: 'positiveInteger' })
  assert.ok(geo)
  assert.ok(report.inert.includes('tldraw: BaseBoxShapeUtil'))
  assert.deepEqual(schema.order.filter((id) => id.includes('geo')).length, 12)
})

test('packages loaded with require give the same schema', async () => {
  const one = (await exported('default.js')).schema
  const other = (await exported('test/fixtures/common.cjs')).schema
  for (const part of ['types', 'sequences', 'order', 'documents'])
    assert.deepEqual(other[part], one[part])
})

for (const [engine, run] of Object.entries(engines)) {
  test(`a schema of the store alone, in ${engine}`, async () => {
    const { schema } = await exported('test/fixtures/store.ts')
    assert.deepEqual(Object.keys(schema.types), ['person', 'open', 'cursor'])
    assert.deepEqual(schema.types.open, { scope: 'document' })
    assert.equal(schema.documents, undefined)
    const [store, person] = ['com.example.store', 'com.example.person'].map(
      (id) => schema.sequences.find(({ sequenceId }) => sequenceId === id).migrations,
    )
    assert.deepEqual(store[0].dependsOn, ['com.example.person/1'])
    assert.deepEqual(store[2].up, [])
    assert.deepEqual(person[0].up, [{ op: 'set', path: ['age'], value: 0 }])
    assert.equal(person[1].down, undefined)
    const records = {
      a: { id: 'a', typeName: 'person', name: 'nobody' },
      b: { id: 'b', typeName: 'person', name: ' some ' },
    }
    const results = run(schema.code, [
      [person[1].filter.function, 'test', records.b],
      [person[1].filter.function, 'test', { typeName: 'person', name: 'abc' }],
      [person[1].up.function, 'migrate', records.b],
      [store[0].up.function, 'migrate', records],
      [store[1].up.function, 'storage', { b: records.b }],
    ])
    assert.deepEqual(results, [
      { value: true },
      { value: false },
      { value: { ...records.b, name: 'some' } },
      { value: { b: records.b } },
      { value: { b: { ...records.b, seen: true } } },
    ])
  })
}
