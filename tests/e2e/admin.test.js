/* The admin port: alive, ready, and the figures. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, putNote } from './lib/client.js'
import { kill } from './lib/processes.js'
import { Roomd } from './lib/roomd.js'
import { until } from './lib/wait.js'

const SAMPLE = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/

/* Prometheus text as a list of {name, labels, value}; fails on a line that is none. */
function parse(text) {
  return text
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => {
      const [, name, labels = '', value] = SAMPLE.exec(line) ?? assert.fail(line)
      return { name, labels, value: value === '+Inf' ? Infinity : Number(value) }
    })
}

describe('the admin port', () => {
  let roomd
  let client

  const status = async (path) => (await roomd.get(path)).status
  const samples = async (name, process = '') =>
    parse(await (await roomd.get('/metrics')).text()).filter(
      (sample) => sample.name === name && sample.labels.includes(process),
    )
  const value = async (...which) => (await samples(...which))[0].value

  before(async () => {
    roomd = await Roomd.start()
    client = await Client.connect(roomd, 'r')
    await client.push({ diff: putNote('1') })
  })
  after(() => roomd.finish())

  test('healthz and readyz', async () => {
    const health = await roomd.get('/healthz')
    assert.deepEqual([health.status, await health.text()], [200, 'ok\n'])
    const ready = await roomd.get('/readyz')
    assert.deepEqual([ready.status, await ready.text()], [200, 'ready\n'])
    assert.equal((await roomd.get('/healthz', { method: 'HEAD' })).status, 200)
  })

  test('what is not there', async () => {
    assert.equal(await status('/nothing'), 404)
    const post = await roomd.get('/metrics', { method: 'POST', body: 'x' })
    assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET, HEAD'])
    assert.equal(await (await roomd.get('/')).text().then((text) => text.includes('/metrics')), true)
  })

  test('metrics of every process', async () => {
    const response = await roomd.get('/metrics')
    assert.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
    const text = await response.text()
    const names = new Set(parse(text).map(({ name }) => name))
    for (const name of names) {
      const family = name.replace(/_(bucket|sum|count)$/, '')
      assert.ok(
        text.includes(`# TYPE ${name} `) || text.includes(`# TYPE ${family} histogram`),
        `a type for ${name}`,
      )
    }
    const up = await samples('roomd_process_up')
    assert.deepEqual(
      up.map(({ value }) => value),
      [1, 1, 1, 1, 1],
      'supervisor, redis, two workers, gateway',
    )
  })

  test('metrics count', async () => {
    await until('a session', async () => (await samples('roomd_sessions')).some(({ value }) => value === 1))
    const before = await value('roomd_messages_received_total', 'gateway-1')
    await client.push({ diff: putNote('2') })
    await until(
      'a message',
      async () => (await value('roomd_messages_received_total', 'gateway-1')) === before + 1,
    )
    assert.equal(await value('roomd_connections', 'gateway-1'), 1)
    const restarts = await value('roomd_process_restarts_total', 'worker-1')
    await roomd.replace('worker-1')
    await until(
      'a restart',
      async () => (await value('roomd_process_restarts_total', 'worker-1')) === restarts + 1,
    )
    await until('ready', async () => (await status('/readyz')) === 200)
  })

  test('many ask at once', async () => {
    const asked = Array.from({ length: 50 }, () => roomd.get('/metrics').then((response) => response.text()))
    for (const text of await Promise.all(asked)) {
      assert.ok(parse(text).length > 50)
    }
  })

  test('a worker that hangs delays the figures, and no more', async () => {
    const worker = await roomd.child('worker-2')
    kill(worker, 'SIGSTOP')
    assert.equal((await samples('roomd_process_up', 'worker-2'))[0].value, 0)
    kill(worker, 'SIGCONT')
    await until('figures again', async () => (await samples('roomd_process_up', 'worker-2'))[0].value === 1)
  })

  test('not ready while Redis hangs', async () => {
    const redis = await roomd.child('redis')
    kill(redis, 'SIGSTOP')
    await until('not ready', async () => (await status('/readyz')) === 503)
    assert.match(await (await roomd.get('/readyz')).text(), /redis|cannot persist/)
    assert.equal(await status('/healthz'), 200)
    kill(redis, 'SIGCONT')
    await until('ready', async () => (await status('/readyz')) === 200)
  })

  test('not ready without Redis, and ready again with the next one', async () => {
    await roomd.replace('redis')
    await until('ready', async () => (await status('/readyz')) === 200)
    const after = await Client.connect(roomd, 'later')
    assert.equal(await after.push({ diff: putNote('1') }), 'commit')
    await after.leave()
  })
})
