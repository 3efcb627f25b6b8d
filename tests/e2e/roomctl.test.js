/* roomctl and the admin API behind it, against real processes: what it shows, what it refuses, and how it
 * exits. Moving rooms is in steer.test.js. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, putNote } from './lib/client.js'
import { kill } from './lib/processes.js'
import { Programs } from './lib/programs.js'
import { keyOf } from './lib/redis.js'
import { RedisServer } from './lib/redis_server.js'
import { ctl, ctlJson, run } from './lib/roomctl.js'
import { Roomd, withRoomd } from './lib/roomd.js'
import { until } from './lib/wait.js'

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const COMMANDS = [
  ...['ps', 'ready', 'rooms', 'drain', 'move', 'release', 'room', 'snapshot', 'load', 'put', 'delete', 'record'],
  ...['sessions', 'close', 'readonly', 'send', 'delete-room'],
]
const FAILED = 1
const USAGE = 2
const UNREACHABLE = 3
const TRY_LATER = 1013
const MANY = 2500

const pathOf = (room, rest = '') => `/v1/rooms/${encodeURIComponent(room)}${rest}`
const ps = (roomd) => ctlJson(roomd, 'ps')

async function fill(roomd, room) {
  const client = await Client.connect(roomd, room)
  assert.equal(await client.push({ diff: putNote('1') }), 'commit')
  return client
}

describe('roomctl without a node', { concurrency: true }, () => {
  test('has help for itself and each command', async () => {
    const { code, stdout, stderr } = await run(['--help'])
    assert.deepEqual([code, stderr], [0, ''])
    for (const command of COMMANDS) {
      assert.match(stdout, new RegExp(`^  ${command} .*`, 'm'))
      const help = await run([command, '--help'])
      assert.deepEqual([help.code, help.stderr], [0, ''], command)
      assert.match(help.stdout, new RegExp(`^Usage: roomctl ${command}.*\n[^]*--json [^]*Exit status`))
      assert.equal((await run(['-h', command])).stdout, help.stdout)
    }
    assert.match((await run(['--version'])).stdout, /^roomctl \d+\.\d+\.\d+\n$/)
  })

  for (const [args, says] of [
    [[], /a command is missing/],
    [['nothing'], /there is no command "nothing"/],
    [['ps', '--nothing'], /there is no option "--nothing"/],
    [['ps', 'r'], /one argument too many: "r"/],
    [['ps', '--force'], /--force is not for ps/],
    [['ps', '--json=yes'], /there is no option "--json=yes"/],
    [['ps', '--admin'], /a value is missing behind "--admin"/],
    [['ps', '--admin', 'here'], /--admin takes an address and a port.* not "here"/],
    [['--admin=127.0.0.1:0', 'ps'], /--admin takes an address and a port/],
    [['move', 'r'], /move needs ROOM WORKER/],
    [['move', '', 'worker-1'], /an argument is empty/],
    [['drain', 'worker-1', '--timeout', '-1'], /--timeout takes whole seconds, not "-1"/],
    [['drain', 'worker-1', '--undo=x'], /no value is wanted in "--undo=x"/],
  ]) {
    test(`refuses: ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await run(args)
      assert.deepEqual([code, stdout], [USAGE, ''])
      assert.match(stderr, says)
      assert.match(stderr, /^roomctl: [^\n]*\n$/, 'one line')
    })
  }

  test('says that nobody answers', async () => {
    for (const args of [['ps'], ['rooms'], ['rooms', 'r'], ['drain', 'w'], ['move', 'r', 'w'], ['release', 'r']]) {
      const { code, stdout, stderr } = await run([...args, '--admin', '127.0.0.1:1'])
      assert.deepEqual([code, stdout], [UNREACHABLE, ''])
      assert.match(stderr, /^roomctl: no answer from 127\.0\.0\.1:1: Connection refused\n$/)
    }
    const unknown = await run(['ps'], { ROOMD_ADMIN: 'nowhere.invalid:80' })
    assert.equal(unknown.code, UNREACHABLE)
  })
})

describe('roomctl ready', { concurrency: true }, () => {
  test('says whether the node can serve, and why if not', () =>
    withRoomd({}, async (roomd) => {
      assert.deepEqual(await ctl(roomd, 'ready'), { code: 0, stdout: 'ready\n', stderr: '' })
      assert.deepEqual(await ctlJson(roomd, 'ready'), { ready: true, reasons: [] })
      const redis = await roomd.child('redis')
      kill(redis, 'SIGSTOP')
      try {
        /* Processes notice one after the other; the supervisor's own word stands in front. */
        const late = await until('that it is not', async () => {
          const answer = await ctl(roomd, 'ready')
          return /^roomctl: not ready: redis: /.test(answer.stderr) && answer
        })
        assert.deepEqual([late.code, late.stdout], [FAILED, ''])
        const { code, stdout, stderr } = await ctl(roomd, 'ready', '--json')
        assert.deepEqual([code, stderr], [FAILED, ''])
        const { ready, reasons } = JSON.parse(stdout)
        assert.equal(ready, false)
        assert.ok(reasons.some((reason) => reason.startsWith('redis: ')), stdout)
      } finally {
        kill(redis, 'SIGCONT')
      }
      await until('that it is again', async () => (await ctl(roomd, 'ready')).code === 0)
    }))
})

describe('roomctl ps', { concurrency: true }, () => {
  test('lists all processes, with what they do', () =>
    withRoomd({ args: ['--gateways', '2'] }, async (roomd) => {
      const clients = await Promise.all(['a', 'b', 'c'].map((room) => fill(roomd, room)))
      const children = roomd.children()
      const list = await until('all sessions counted', async () => {
        const list = await ps(roomd)
        const sum = (role, what) =>
          list.filter((process) => process.role === role).reduce((n, process) => n + process[what], 0)
        const counts = [sum('worker', 'rooms'), sum('worker', 'sessions'), sum('gateway', 'sessions')]
        return counts.join() === '3,3,3' && list
      })
      assert.deepEqual(
        list.map(({ role, name }) => `${role} ${name}`),
        [
          'supervisor supervisor',
          'redis redis',
          'worker worker-1',
          'worker worker-2',
          'gateway gateway-1',
          'gateway gateway-2',
        ],
      )
      for (const process of list) {
        const { role, name, pid, id, state, part, since, started } = process
        assert.equal(pid, name === 'supervisor' ? roomd.pid : children.get(name))
        assert.deepEqual([state, part, process.restarts, process.detail], ['ready', 'slot', 0, null])
        assert.match(since, TIME)
        assert.match(started, TIME)
        assert.ok(Date.parse(started) <= Date.parse(since) + 1000)
        assert.ok(process.memory_bytes > 0 && process.cpu_seconds >= 0)
        assert.equal(typeof id, 'string')
        assert.equal(process.rooms === null, role !== 'worker')
        assert.equal(process.sessions === null, role !== 'worker' && role !== 'gateway')
        assert.equal(process.version === null, role === 'redis')
      }
      const redis = await roomd.redis()
      const ids = await redis.text('SMEMBERS', 'roomd:workers')
      assert.deepEqual(list.filter(({ role }) => role === 'worker').map(({ id }) => id), ids.sort())

      const { code, stdout } = await ctl(roomd, 'ps')
      assert.equal(code, 0)
      const lines = stdout.trimEnd().split('\n')
      assert.equal(lines.length, list.length + 1)
      assert.match(lines[0], /^NAME +PID +STATE +ROOMS +SESSIONS +/)
      assert.match(lines[1], new RegExp(`^supervisor +${roomd.pid} +ready +- +- +0 +\\d+\\.\\d[kM] `))
      assert.equal((await run(['--admin', roomd.admin, '--json', 'ps'])).code, 0, 'options may come first')
      await Promise.all(clients.map((client) => client.leave()))
    }))

  test('shows what is dead, and what does not answer', async () => {
    const programs = await Programs.create()
    try {
      await withRoomd({ program: programs.roomd }, async (roomd) => {
        await programs.putScript('roomd-worker', '#!/bin/sh\nexit 3\n')
        const [dying, stopped] = await Promise.all(['worker-1', 'worker-2'].map((name) => roomd.child(name)))
        kill(dying)
        kill(stopped, 'SIGSTOP')
        const dead = await until('a dead worker', async () => {
          const list = await ps(roomd)
          return list.find(({ name, state }) => name === 'worker-1' && state === 'dead')
        })
        assert.deepEqual([dead.pid, dead.rooms, dead.memory_bytes], [null, null, null])
        assert.match(dead.since, TIME)
        const mute = (await ps(roomd)).find(({ name }) => name === 'worker-2')
        assert.deepEqual([mute.pid, mute.rooms, mute.sessions, mute.state], [stopped, null, null, 'ready'])
        kill(stopped, 'SIGCONT')
        await programs.put('roomd-worker', 'roomd-worker')
        await until('both again', async () => {
          const workers = (await ps(roomd)).filter(({ role }) => role === 'worker')
          return workers.every(({ state, rooms }) => state === 'ready' && rooms === 0) && workers[0].restarts > 0
        })
      })
    } finally {
      await programs.remove()
    }
  })

  test('shows both processes of a slot that gets another one', () =>
    withRoomd({}, async (roomd) => {
      const old = (await ps(roomd)).filter(({ role }) => role === 'worker')
      kill(roomd.pid, 'SIGHUP')
      const list = await until('old and new', async () => {
        const list = await ps(roomd)
        return list.filter(({ part, state }) => part === 'next' && state === 'ready').length === 2 && list
      })
      const workers = list.filter(({ role }) => role === 'worker')
      assert.deepEqual(workers.map(({ name }) => name), ['worker-1', 'worker-2', 'worker-1', 'worker-2'])
      assert.deepEqual(workers.slice(0, 2).map(({ id }) => id), old.map(({ id }) => id))
      assert.equal(new Set(workers.map(({ pid }) => pid)).size, 4)
      assert.equal(new Set(workers.map(({ id }) => id)).size, 4)
      await roomd.logged('the end of it', /all workers are replaced/)
      const after = (await ps(roomd)).filter(({ role }) => role === 'worker')
      assert.deepEqual(after.map(({ id, part }) => [id, part]), workers.slice(2).map(({ id }) => [id, 'slot']))
    }))

  test('lists no Redis that is not its own', async () => {
    const server = await RedisServer.start()
    try {
      await withRoomd({ args: ['--redis', `unix://${server.socket}`] }, async (roomd) => {
        assert.deepEqual((await ps(roomd)).filter(({ role }) => role === 'redis'), [])
      })
    } finally {
      await server.stop()
    }
  })
})

describe('roomctl rooms', () => {
  const ODD = ['a/b', '{x}%7B', '%2F', 'ä ☃ 😀', '..', '-n', '--json', 'x'.repeat(256), '?a=b&c#d', '"\\', '\u0085']
  let roomd
  let redis

  before(async () => {
    roomd = await Roomd.start()
    redis = await roomd.redis()
  })
  after(() => roomd.finish())

  test('shows what a room is, open, idle and closed', async () => {
    assert.deepEqual(await ctlJson(roomd, 'rooms'), [])
    const client = await fill(roomd, 'r')
    const room = await until('its figures', async () => {
      const [room] = await ctlJson(roomd, 'rooms', 'r')
      return room?.sessions === 1 && room.clock === 1 && room
    })
    const owner = (await redis.hash('roomd:{r}')).owner
    const process = (await ps(roomd)).find(({ id }) => id === owner)
    assert.ok(room.bytes > 0)
    for (const name of ['created', 'claimed', 'updated']) {
      assert.match(room[name], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      delete room[name]
    }
    assert.ok(room.load >= 1)
    delete room.bytes
    delete room.load
    assert.deepEqual(room, {
      id: 'r',
      state: 'open',
      owner,
      worker: process.name,
      node: owner.split('-w')[0],
      epoch: 1,
      clock: 1,
      records: 1,
      sessions: 1,
    })
    assert.equal((await ctlJson(roomd, 'rooms', '--worker', process.name)).length, 1)
    assert.equal((await ctlJson(roomd, 'rooms', '--worker', owner)).length, 1)
    const other = process.name === 'worker-1' ? 'worker-2' : 'worker-1'
    assert.deepEqual(await ctlJson(roomd, 'rooms', '--worker', other), [])
    assert.deepEqual(await ctlJson(roomd, 'rooms', '--worker', 'nobody'), [])

    await client.leave()
    await until('nobody in it', async () => (await ctlJson(roomd, 'rooms', 'r'))[0].state === 'idle')
    await ctl(roomd, 'drain', process.name) // which unloads it, as nobody is in it
    const [closed] = await ctlJson(roomd, 'rooms', 'r')
    assert.deepEqual([closed.state, closed.owner, closed.node, closed.worker], ['closed', null, null, null])
    assert.equal((await ctl(roomd, 'drain', '--undo', process.name)).code, 0)
  })

  test('has all names that a room may have', async () => {
    const reachable = ODD.filter((room) => room !== '..') // browsers and their kind cannot ask for it
    const clients = await Promise.all(reachable.map((room) => fill(roomd, room)))
    await redis.text('HSET', keyOf('..'), 'epoch', 1)
    const ids = (await ctlJson(roomd, 'rooms')).map(({ id }) => id)
    assert.deepEqual(ids, [...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
    for (const room of ODD) {
      assert.ok(ids.includes(room), room)
      const { code, stdout } = await ctl(roomd, '--json', 'rooms', '--', room)
      assert.deepEqual([code, JSON.parse(stdout)[0].id], [0, room])
    }
    const { stdout } = await ctl(roomd, 'rooms')
    assert.match(stdout, /^ROOM +STATE +OWNER +EPOCH +CLOCK +RECORDS +BYTES +SESSIONS +LOAD +UPDATED/)
    assert.doesNotMatch(stdout, /[\u0080-\u009f]/, 'nothing that a terminal obeys')
    assert.match(stdout, /^ä ☃ 😀 +open /m)
    await Promise.all(clients.map((client) => client.leave()))
  })

  test('says what there is not, and shows the rest', async () => {
    await (await fill(roomd, 'here')).leave()
    const { code, stdout, stderr } = await ctl(roomd, 'rooms', 'here', 'nowhere', '--json')
    assert.equal(code, FAILED)
    assert.deepEqual(JSON.parse(stdout).map(({ id }) => id), ['here'])
    assert.match(stderr, /^roomctl: There is no such room: "nowhere" has never been opened, or was deleted\n$/)
  })

  test(`lists ${MANY} rooms, each once, and nothing else`, async () => {
    const names = Array.from({ length: MANY }, (_, n) => `many/${n}`)
    for (const name of names) {
      const key = keyOf(name)
      redis.bytes('HSET', key, 'epoch', 3, 'clock', 7, 'records', 1, 'bytes', 10, 'sessions', 0)
      redis.bytes('SET', `${key}:snapshot`, 'x')
      redis.bytes('XADD', `${key}:log`, '*', 'a', 'b')
    }
    await redis.bytes('HSET', 'roomd:{\xff\x01}', 'epoch', 1)
    await redis.bytes('HSET', Buffer.from('roomd:{\xff}', 'latin1'), 'epoch', 1)
    await redis.bytes('HSET', 'roomd:{}', 'epoch', 1)
    await redis.bytes('SET', 'roomd:{text}', 'x')
    await redis.bytes('HSET', 'roomd:{unfinished', 'epoch', 1)
    const list = (await ctlJson(roomd, 'rooms')).filter(({ id }) => id.startsWith('many/'))
    assert.deepEqual(list.map(({ id }) => id), [...names].sort())
    assert.deepEqual([list[0].epoch, list[0].clock, list[0].state], [3, 7, 'closed'])
    const all = (await ctlJson(roomd, 'rooms')).map(({ id }) => id)
    assert.ok(!all.includes('text') && !all.includes('unfinished') && !all.includes(''))

    const seen = []
    let pages = 0
    for (let cursor = '0'; cursor !== null; pages++) {
      const page = await (await roomd.get(`/v1/rooms?limit=50&cursor=${cursor}`)).json()
      assert.ok(page.rooms.length <= 100, `${page.rooms.length} in a page`)
      seen.push(...page.rooms.map(({ id }) => id))
      cursor = page.cursor
    }
    assert.ok(pages > 10)
    assert.deepEqual([...new Set(seen)].sort(), all.sort())
    assert.equal((await roomd.get(pathOf('text'))).status, 503)
  })
})

describe('quarantine', { concurrency: true }, () => {
  test('is shown, and ended by roomctl release', () =>
    withRoomd({}, async (roomd) => {
      const redis = await roomd.redis()
      const room = 'bad {room}%'
      const end = Math.floor(Date.now() / 1000) + 300
      await redis.text('HSET', keyOf(room), 'quarantined_until', end, 'crashes', 3, 'crashed', 'then', 'crash_reason', 'w')

      const [shown] = await ctlJson(roomd, 'rooms', room)
      assert.equal(shown.state, 'quarantined')
      assert.deepEqual([shown.crashes, shown.crashed, shown.crash_reason], [3, 'then', 'w'])
      assert.equal(Date.parse(shown.quarantined_until), end * 1000)
      assert.match((await ctl(roomd, 'rooms')).stdout, /^bad \{room\}% +quarantined .*until .*, 3 workers died in it$/m)
      const visitor = await Client.open(roomd, room)
      visitor.send({ type: 'ping' })
      assert.equal((await visitor.close()).code, TRY_LATER)

      const { code, stdout } = await ctl(roomd, 'release', room)
      assert.deepEqual([code, stdout], [0, `${room}: released, people get in again\n`])
      await (await fill(roomd, room)).leave()
      assert.deepEqual(await ctlJson(roomd, 'release', room), { id: room, released: false })
      const [released] = await ctlJson(roomd, 'rooms', room)
      assert.deepEqual([released.quarantined_until, released.crashes, released.crashed], [undefined, 0, 'then'])
      const unknown = await ctl(roomd, 'release', 'nowhere')
      assert.equal(unknown.code, FAILED)
      assert.match(unknown.stderr, /"nowhere" has never been opened/)
    }))
})

describe('the API', () => {
  let roomd

  async function problem(path, options, status, type) {
    const response = await roomd.get(path, options)
    const body = await response.json()
    assert.equal(response.headers.get('content-type'), 'application/problem+json')
    assert.deepEqual([response.status, body.status, body.type], [status, status, `urn:roomd:problem:${type}`])
    assert.ok(body.title && body.detail)
    return response
  }

  before(async () => {
    roomd = await Roomd.start()
  })
  after(() => roomd.finish())

  test('answers what there is not with a problem document', async () => {
    for (const path of ['/v1', '/v1/', '/v1/nothing', '/v1/rooms/', '/v1/rooms//move', '/v1/rooms/a/b', '/v1/rooms/a/move/']) {
      const empty = path === '/v1/rooms/' || path === '/v1/rooms//move'
      const method = path.endsWith('/move') ? 'POST' : 'GET'
      await problem(path, { method }, empty ? 400 : 404, empty ? 'bad-request' : 'no-page')
    }
    await problem(pathOf('nowhere'), {}, 404, 'no-room')
    await problem(pathOf('nowhere', '/quarantine'), { method: 'DELETE' }, 404, 'no-room')
    await problem('/v1/workers/nobody/drain', { method: 'POST' }, 404, 'no-worker')
  })

  test('names the methods that a path has', async () => {
    for (const [path, method, allow] of [
      ['/v1/processes', 'POST', 'GET, HEAD'],
      ['/v1/rooms', 'DELETE', 'GET, HEAD'],
      [pathOf('r'), 'PATCH', 'GET, HEAD, DELETE'],
      [pathOf('r', '/snapshot'), 'POST', 'GET, HEAD, PUT'],
      [pathOf('r', '/sessions/s'), 'PUT', 'PATCH, DELETE'],
      [pathOf('r', '/move'), 'GET', 'POST'],
      [pathOf('r', '/quarantine'), 'PUT', 'DELETE'],
      ['/v1/workers/w/drain', 'GET', 'POST, DELETE'],
      ['/v1/workers/w/drain', 'OPTIONS', 'POST, DELETE'],
    ]) {
      const response = await problem(path, { method }, 405, 'method')
      assert.equal(response.headers.get('allow'), allow)
    }
    assert.equal((await roomd.get('/v1/processes', { method: 'HEAD' })).status, 200)
  })

  test('refuses bad names, queries and bodies', async () => {
    for (const path of ['/v1/rooms/%ff', '/v1/rooms/%0a', '/v1/rooms/%2', `/v1/rooms/${'x'.repeat(257)}`]) {
      await problem(path, {}, 400, 'bad-request')
    }
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'limit=-1', 'cursor=x', 'cursor=-1', 'worker=%ff', 'cursor=99999999999999999999']) {
      await problem(`/v1/rooms?${query}`, {}, 400, 'bad-request')
    }
    const post = (body) => ({ method: 'POST', body })
    for (const body of ['', '{', '[]', 'null', '{}', '{"worker":1}', '{"worker":""}', '\xff', '{"worker":"a"} x']) {
      await problem(pathOf('r', '/move'), post(body), 400, 'bad-request')
    }
    for (const body of ['x', '1', '{"force":1}', '{"force":null}']) {
      await problem('/v1/workers/worker-1/drain', post(body), 400, 'bad-request')
    }
    await problem(pathOf('r', '/move'), post('{"worker":"nobody"}'), 404, 'no-worker')
    await problem(pathOf('r', '/move'), post(`{"x":"${'y'.repeat(65536)}"}`), 413, 'too-large')
    const deep = '['.repeat(20000)
    await problem(pathOf('r', '/move'), post(deep), 400, 'bad-request')
  })

  test('lets pages of other sites change nothing', async () => {
    const from = (origin) => ({ method: 'POST', headers: { Origin: origin } })
    for (const origin of ['http://evil.example', 'null', `https://${roomd.admin}.evil.example`]) {
      await problem('/v1/workers/worker-1/drain', from(origin), 403, 'foreign-origin')
    }
    assert.equal((await roomd.get('/v1/workers/worker-1/drain', from(`http://${roomd.admin}`))).status, 200)
    const undo = { method: 'DELETE', headers: { Origin: 'http://evil.example' } }
    await problem('/v1/workers/worker-1/drain', undo, 403, 'foreign-origin')
    assert.equal((await roomd.get('/v1/workers/worker-1/drain', { method: 'DELETE' })).status, 200)
  })

  test('says that Redis is away', async () => {
    const redis = await roomd.child('redis')
    kill(redis, 'SIGSTOP')
    try {
      await Promise.all([
        problem('/v1/rooms', {}, 503, 'redis-away'),
        problem(pathOf('r'), {}, 503, 'redis-away'),
        problem(pathOf('r', '/quarantine'), { method: 'DELETE' }, 503, 'redis-away'),
        problem(pathOf('r', '/move'), { method: 'POST', body: '{"worker":"worker-1"}' }, 503, 'redis-away'),
      ])
      const { code, stderr } = await ctl(roomd, 'rooms')
      assert.equal(code, FAILED)
      assert.match(stderr, /^roomctl: Redis cannot be used now: /)
      assert.equal((await ctlJson(roomd, 'ps')).length, 5)
    } finally {
      kill(redis, 'SIGCONT')
    }
    await until('rooms again', async () => (await roomd.get('/v1/rooms')).status === 200)
  })
})
