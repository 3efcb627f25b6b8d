/* Every option that a file of deploy/ sets is one of roomd, with a value that it takes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BINARY, runToEnd } from '../e2e/lib/roomd.js'
import {
  defaultsIn,
  filesBelow,
  interpolate,
  manifests,
  read,
  readEnv,
  readYaml,
  run,
  DEPLOY,
} from './lib/files.js'
import { readFileSync } from 'node:fs'

const help = (await run(BINARY, ['--help'])).output
const options = new Set([...help.matchAll(/^ {2}--([a-z-]+) /gm)].map(([, name]) => name))
const variable = (option) => `ROOMD_${option.toUpperCase().replaceAll('-', '_')}`
const known = new Set([...options].map(variable))

/* Per file: name to value. Values that only the place knows are left out. */
function settings() {
  const compose = readYaml('compose.yaml')
  const ofService = (service) =>
    Object.fromEntries(Object.entries(service.environment).map(([key, value]) => [key, interpolate(value)]))
  const image = [...read('Dockerfile').matchAll(/\b(ROOMD_[A-Z_]+)=(\S+)/g)].filter(
    ([text]) => !/\.\.\./.test(text),
  )
  const found = {
    'systemd/roomd.env': readEnv('systemd/roomd.env', true),
    Dockerfile: Object.fromEntries(image.map(([, key, value]) => [key, value])),
    'kubernetes/roomd.env': readEnv('kubernetes/roomd.env'),
  }
  for (const [name, service] of Object.entries(compose.services)) {
    if (name.startsWith('roomd-')) {
      found[`compose.yaml ${name}`] = ofService(service)
    }
  }
  for (const { name, object } of manifests()) {
    for (const container of object.spec?.template?.spec.containers ?? []) {
      const values = container.env.map((entry) => [entry.name, entry.value])
      found[`kubernetes/${name}`] = Object.fromEntries(values)
    }
  }
  return found
}

describe('options', { concurrency: true }, () => {
  for (const [name, values] of Object.entries(settings())) {
    test(`${name} sets some, and all of them exist`, () => {
      assert.ok(Object.keys(values).length >= 3)
      assert.deepEqual(
        Object.keys(values).filter((key) => !known.has(key)),
        [],
      )
    })

    test(`${name} sets values that roomd takes`, async () => {
      const checked = Object.entries(values).filter(([, value]) => value)
      /* Variables are read before flags: whoever complains of the flag has taken all of them. */
      const { code, stderr } = await runToEnd(['--workers', '0'], Object.fromEntries(checked))
      assert.equal(code, 2)
      assert.match(stderr, /^roomd: --workers: bad value "0"/)
    })
  }

  test('what the handbooks call options of roomd are some', () => {
    for (const path of [
      ...filesBelow(DEPLOY).filter((path) => /README\.md$/.test(path)),
      `${DEPLOY}/../README.md`,
    ]) {
      const text = readFileSync(path, 'utf8')
      const names = [...text.matchAll(/\bROOMD_[A-Z][A-Z_]+\b/g)].map(([name]) => name)
      const others = ['ROOMD_IMAGE', 'ROOMD_BIN', 'ROOMD_STOP_'] // a build's, a test's, and all that begin so
      assert.deepEqual(
        names.filter((name) => !known.has(name) && !others.includes(name)),
        [],
        path,
      )
    }
  })

  test('defaults of compose.yaml are those of .env.example, which names all of them', () => {
    const example = readEnv('.env.example')
    const used = Object.fromEntries(defaultsIn(read('compose.yaml')))
    const { COMPOSE_PROJECT_NAME, ...rest } = example
    assert.equal(COMPOSE_PROJECT_NAME, 'roomd')
    assert.deepEqual(rest, used)
  })
})
