/* Options as an operator meets them: where they come from, what is wrong with them, what cannot be
 * started, and Redis of one's own. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Client, putNote, readRoom } from './lib/client.js'
import { RedisServer } from './lib/redis_server.js'
import { Roomd, removeFolder, runToEnd, temporaryFolder } from './lib/roomd.js'
import { until } from './lib/wait.js'

const ANY = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']
const PASSWORD = 'not:to@be/seen'

/* Arguments, variables, a configuration file's text; the line on stderr. All end with status 2. */
const wrong = {
  'an unknown flag': [['--bogus'], {}, '', /^roomd: unknown option --bogus; allowed are --listen /],
  'an unknown variable': [
    [],
    { ROOMD_BOGUS: '1' },
    '',
    /^roomd: unknown variable ROOMD_BOGUS; allowed are ROOMD_LISTEN /,
  ],
  'an unknown key': [[], {}, 'a = 1', /^roomd: .*roomd\.conf:1: unknown key a; allowed are listen /],
  'an argument': [['start'], {}, '', /^roomd: unexpected argument "start"; try roomd --help$/m],
  'a flag without value': [
    ['--workers'],
    {},
    '',
    /^roomd: --workers needs a value: a whole number from 1 to 256$/m,
  ],
  'a flag with a bad value': [
    ['--workers', 'many'],
    {},
    '',
    /^roomd: --workers: bad value "many"; allowed is a whole/,
  ],
  'a flag with = and a bad value': [
    ['--workers=0'],
    {},
    '',
    /^roomd: --workers: bad value "0"; allowed is a whole/,
  ],
  'a number with something behind it': [['--workers', '2x'], {}, '', /^roomd: --workers: bad value "2x"/],
  'a negative number': [['--gateways', '-1'], {}, '', /^roomd: --gateways: bad value "-1"/],
  'a number that is too large': [
    ['--workers', '99999999999999999999'],
    {},
    '',
    /^roomd: --workers: bad value/,
  ],
  'a variable with a bad value': [[], { ROOMD_WORKERS: '257' }, '', /^roomd: ROOMD_WORKERS: bad value "257"/],
  'a key with a bad value': [[], {}, '# first\n\nworkers = x', /roomd\.conf:3: workers: bad value "x"/],
  'a bad value that a flag hides': [
    ['--workers', '1'],
    { ROOMD_WORKERS: 'x' },
    '',
    /ROOMD_WORKERS: bad value "x"/,
  ],
  'a line that is no pair': [[], {}, 'workers 3', /roomd\.conf:1: not of the form `option = value`$/m],
  'an address without port': [
    ['--listen', '127.0.0.1'],
    {},
    '',
    /^roomd: --listen: bad value "127\.0\.0\.1"/,
  ],
  'a choice that is none': [
    ['--durability', 'maybe'],
    {},
    '',
    /bad value "maybe"; allowed is log, snapshot or none$/m,
  ],
  'a size that is too small': [['--max-message', '5'], {}, '', /^roomd: --max-message: bad value "5"/],
  'a size with an unknown unit': [['--max-message', '5g'], {}, '', /^roomd: --max-message: bad value "5g"/],
  'a Redis that is no URL': [
    ['--redis', `http://:${PASSWORD}@x`],
    {},
    '',
    /^roomd: --redis: not a Redis URL: it begins with none of .*; allowed is/,
  ],
  'a file that is not there': [
    ['--config', '/nonexistent/x'],
    {},
    '',
    /^roomd: cannot read the configuration file/,
  ],
}

describe('wrong options', { concurrency: true }, () => {
  let folder

  before(async () => {
    folder = await temporaryFolder()
  })
  after(() => removeFolder(folder))

  for (const [name, [args, env, text, line]] of Object.entries(wrong)) {
    test(name, async () => {
      const own = await temporaryFolder()
      try {
        const file = join(own, 'roomd.conf')
        await writeFile(file, text)
        const sources = text ? ['--config', file, ...args] : args
        const { code, stdout, stderr } = await runToEnd(['--data', folder, ...sources], env)
        assert.deepEqual({ code, stdout }, { code: 2, stdout: '' })
        assert.match(stderr, line)
        assert.equal(stderr.split('\n').length, 2, 'one line')
        assert.doesNotMatch(stderr, /not:to@be/)
      } finally {
        await removeFolder(own)
      }
    })
  }

  test('--help and --version', async () => {
    const help = await runToEnd(['--help'])
    assert.deepEqual([help.code, help.stderr], [0, ''])
    for (const word of ['--listen', '--redis', '--durability log|snapshot|none', 'ROOMD_MAX_MESSAGE']) {
      assert.ok(help.stdout.includes(word), word)
    }
    const version = await runToEnd(['--version'])
    assert.deepEqual([version.code, version.stderr], [0, ''])
    assert.match(version.stdout, /^roomd \d+\.\d+\.\d+\n$/)
  })
})

describe('what cannot be started', { concurrency: true }, () => {
  let folder
  let roomd

  before(async () => {
    folder = await temporaryFolder()
    roomd = await Roomd.start()
  })
  after(async () => {
    await roomd.finish()
    await removeFolder(folder)
  })

  async function fails(args, line) {
    const { code, stdout, stderr } = await runToEnd(args)
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' }, stderr)
    assert.match(stderr, line)
    assert.doesNotMatch(stderr, /not:to@be|not%3Ato/)
  }

  test('the port of another roomd', () =>
    fails(
      ['--listen', roomd.address, '--admin', '127.0.0.1:0', '--data', join(folder, 'a')],
      /^roomd: cannot listen on /m,
    ))

  test("another program's port", async () => {
    const server = createServer()
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = `127.0.0.1:${server.address().port}`
    await fails(
      ['--listen', address, '--admin', '127.0.0.1:0', '--data', join(folder, 'b')],
      /cannot listen on 127.*in use/,
    )
    await fails(
      ['--listen', '127.0.0.1:0', '--admin', address, '--data', join(folder, 'c')],
      /for operators: .*in use/,
    )
    server.close()
  })

  test("another roomd's data directory", () =>
    fails(
      [...ANY, '--data', roomd.data],
      new RegExp(`data directory ${roomd.data} is in use by another roomd \\(process ${roomd.pid}\\)`),
    ))

  test('a data directory that is a file', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    await fails([...ANY, '--data', file], /^roomd: cannot .*Not a directory$/m)
  })

  test('a data directory that cannot be made', () =>
    fails([...ANY, '--data', '/proc/x/y'], /^roomd: cannot make the data directory/))

  test('a Redis that is not there', async () => {
    await fails(
      [...ANY, '--data', join(folder, 'd'), '--redis', 'unix:///nonexistent'],
      /^roomd: cannot reach Redis at unix:\/\/\/nonexistent: /m,
    )
    const url = `redis://:${encodeURIComponent(PASSWORD)}@127.0.0.1:1`
    await fails(
      [...ANY, '--data', join(folder, 'e'), '--redis', url],
      /^roomd: cannot reach Redis at redis:.*127\.0\.0\.1:1: Connection refused$/m,
    )
  })

  test('a reason in JSON, where logs are', async () => {
    const { code, stderr } = await runToEnd([...ANY, '--data', roomd.data, '--log-format', 'json'])
    assert.equal(code, 1)
    assert.match(JSON.parse(stderr).reason, /in use by another roomd/)
  })

  test('the one that runs is unharmed', async () => {
    const client = await Client.connect(roomd, 'r')
    assert.equal(await client.push({ diff: putNote('1') }), 'commit')
    await client.leave()
  })
})

describe('options that hold', { concurrency: true }, () => {
  test('flags win over variables over the file', async () => {
    const folder = await temporaryFolder()
    const file = join(folder, 'roomd.conf')
    await writeFile(file, '# of the test\nworkers=1\n gateways = 3\nlog-format = json\n\n')
    const env = { ROOMD_WORKERS: '4', ROOMD_GATEWAYS: '2' }
    const { code } = await runToEnd(['--config', file, '--version'], env)
    assert.equal(code, 0)
    const roomd = await Roomd.start({
      args: ['--config', file, '--workers', '3', '--log-format', 'text'],
      env,
    })
    try {
      const names = [...roomd.children().keys()].sort()
      assert.deepEqual(names, ['gateway-1', 'gateway-2', 'redis', 'worker-1', 'worker-2', 'worker-3'])
    } finally {
      await roomd.finish()
      await removeFolder(folder)
    }
  })

  /* Notes in a room, before and after everything was killed. */
  async function beforeAndAfter(args, wait) {
    const roomd = await Roomd.start({ args })
    try {
      const client = await Client.connect(roomd, 'r')
      assert.equal(await client.push({ diff: putNote('1') }), 'commit')
      const redis = await roomd.redis()
      const log = await redis.text('EXISTS', 'roomd:{r}:log')
      await wait(redis, client)
      const snapshot = await redis.text('EXISTS', 'roomd:{r}:snapshot')
      await roomd.kill()
      roomd.forgetRedis()
      await roomd.start()
      const { documents } = await readRoom(roomd, 'r')
      return { log, snapshot, after: Object.keys(documents) }
    } finally {
      await roomd.finish()
    }
  }

  test('durability=log: all is there', async () => {
    const seen = await beforeAndAfter(['--durability', 'log'], () => {})
    assert.deepEqual(seen, { log: 1, snapshot: 0, after: ['note:1'] })
  })

  test('durability=snapshot: what the last snapshot has is there', async () => {
    const seen = await beforeAndAfter(['--durability', 'snapshot'], async (redis, client) => {
      await until('a snapshot', () => redis.text('EXISTS', 'roomd:{r}:snapshot'))
      await client.push({ diff: putNote('late') })
    })
    assert.deepEqual(seen, { log: 0, snapshot: 1, after: ['note:1'] })
  })

  test('durability=none: nothing is there', async () => {
    const seen = await beforeAndAfter(['--durability', 'none', '--unload-after', '1'], () => {})
    assert.deepEqual(seen, { log: 0, snapshot: 0, after: [] })
  })

  test('durability=snapshot: a stop writes everything', async () => {
    const roomd = await Roomd.start({ args: ['--durability', 'snapshot'] })
    try {
      const client = await Client.connect(roomd, 'r')
      await client.push({ diff: putNote('1') })
      await roomd.stop()
      await roomd.start()
      assert.deepEqual(Object.keys((await readRoom(roomd, 'r')).documents), ['note:1'])
    } finally {
      await roomd.finish()
    }
  })
})

describe('a Redis of one’s own', { concurrency: true }, () => {
  async function freePort() {
    const server = createServer()
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address()
    await new Promise((resolve) => server.close(resolve))
    return port
  }

  async function works(roomd) {
    assert.deepEqual([...roomd.children().keys()].sort(), ['gateway-1', 'worker-1', 'worker-2'])
    const client = await Client.connect(roomd, 'r')
    assert.equal(await client.push({ diff: putNote(String(Date.now())) }), 'commit')
    await client.leave()
  }

  test('on a Unix socket', async () => {
    const server = await RedisServer.start()
    const roomd = await Roomd.start({ args: ['--redis', `unix://${server.socket}`] })
    try {
      await works(roomd)
      const redis = await server.connect()
      assert.equal((await redis.hash('roomd:{r}')).clock, '1')
      redis.close()
    } finally {
      await roomd.finish()
      await server.stop()
    }
  })

  test('on a port, with a password, in another database', async () => {
    const port = await freePort()
    const server = await RedisServer.start({ port, args: ['--requirepass', PASSWORD] })
    const url = (password) => `redis://:${encodeURIComponent(password)}@127.0.0.1:${port}/3`
    const folder = await temporaryFolder()
    const roomd = await Roomd.start({ env: { ROOMD_REDIS: url(PASSWORD) } })
    try {
      await works(roomd)
      const redis = await server.connect()
      await redis.text('AUTH', PASSWORD)
      await redis.text('SELECT', 3)
      assert.equal((await redis.hash('roomd:{r}')).clock, '1')
      redis.close()
      assert.doesNotMatch(roomd.log, /not:to@be/)
      const { code, stderr } = await runToEnd([...ANY, '--data', folder, '--redis', url('wrong')])
      assert.equal(code, 1)
      assert.match(stderr, /^roomd: cannot use Redis at redis:.*127\.0\.0\.1:\d+\/3: /m)
      assert.doesNotMatch(stderr, /wrong/)
    } finally {
      await roomd.finish()
      await server.stop()
      await removeFolder(folder)
    }
  })

  test('that is less durable than acknowledged changes deserve is said in the log', async () => {
    const server = await RedisServer.start({ args: ['--appendfsync', 'everysec'] })
    const roomd = await Roomd.start({ args: ['--redis', `unix://${server.socket}`] })
    try {
      await roomd.logged('a warning', /warn .*everysec/)
    } finally {
      await roomd.finish()
      await server.stop()
    }
  })

  test('that goes away and comes back', async () => {
    const folder = await temporaryFolder()
    const port = await freePort()
    let server = await RedisServer.start({ folder, port })
    const roomd = await Roomd.start({ args: ['--redis', `redis://127.0.0.1:${port}`] })
    try {
      const client = await Client.connect(roomd, 'r')
      await client.push({ diff: putNote('before') })
      await server.stop()
      const result = client.push({ diff: putNote('meanwhile') })
      await until('not ready', async () => (await roomd.get('/readyz')).status === 503)
      server = await RedisServer.start({ folder, port })
      assert.equal(await result, 'commit')
      await until('ready', async () => (await roomd.get('/readyz')).status === 200)
      const { documents } = await readRoom(roomd, 'r')
      assert.deepEqual(Object.keys(documents), ['note:before', 'note:meanwhile'])
      await client.leave()
    } finally {
      await roomd.finish()
      await server.stop()
      await removeFolder(folder)
    }
  })
})
