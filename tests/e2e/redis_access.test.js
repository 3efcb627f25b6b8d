/* Getting at a Redis that does not let everybody in: a password, a user with no more rights than
 * proto/redis.md says, TLS; and what is said where it does not work. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client, putNote, readRoom } from './lib/client.js'
import { Programs } from './lib/programs.js'
import {
  ClusterTopology,
  PASSWORD,
  SentinelTopology,
  SingleTopology,
  freePort,
  makeCertificates,
  rightsOf,
} from './lib/redis_topology.js'
import { Roomd, removeFolder, temporaryFolder, withRoomd } from './lib/roomd.js'
import { ctl } from './lib/roomctl.js'
import { until } from './lib/wait.js'

const NO_CERTIFICATE = fileURLToPath(import.meta.url)

async function draw(roomd, room) {
  const client = await Client.connect(roomd, room)
  await client.push({ diff: putNote('drawn') })
  await client.leave()
  assert.deepEqual(Object.keys((await readRoom(roomd, room)).documents), ['note:drawn'])
}

async function withRedis(args, act) {
  const topology = await SingleTopology.start({ args })
  try {
    await act(topology.redis, topology)
  } finally {
    await topology.stop()
  }
}

describe('a user with the rights that proto/redis.md names', () => {
  /* Everything that roomd does with Redis. */
  async function doEverything(roomd, redis) {
    await draw(roomd, 'drawn')
    await until('an unloaded room', async () => !(await redis.command('HGET', 'roomd:{drawn}', 'owner')))
    /* One that is stored in pieces, and changes meanwhile. */
    const big = await Client.connect(roomd, 'big')
    const texts = Array.from({ length: 8 }, () => randomBytes(600_000).toString('base64'))
    await Promise.all(texts.map((text, i) => big.push({ diff: putNote(`big-${i}`, { text }) })))
    await big.push({ diff: putNote('small') })
    await big.leave()
    await draw(roomd, 'moved')
    const client = await Client.connect(roomd, 'moved')
    await roomd.replace('worker-1') // taken over
    await roomd.replace('worker-2')
    await client.push({ diff: putNote('after') })
    await until('both workers', async () => (await (await roomd.get('/v1/status')).text()).length > 0)
    const owner = await redis.command('HGET', 'roomd:{moved}', 'owner')
    const other = (await redis.command('SMEMBERS', 'roomd:workers')).find((id) => id !== owner)
    await roomd.get(`/v1/rooms/moved/move`, { method: 'POST', body: JSON.stringify({ worker: other }) })
    await client.push({ diff: putNote('last') })
    assert.equal((await roomd.get('/v1/rooms')).status, 200)
    assert.equal((await roomd.get('/v1/rooms/moved')).status, 200)
    await roomd.get('/v1/rooms/moved/release', { method: 'POST' })
    await client.leave()
    await roomd.get('/v1/rooms/drawn', { method: 'DELETE' })
  }

  /* What there is only among several nodes, and where a room kills its worker. */
  async function doWhatNodesDo(url) {
    const programs = await Programs.create({ 'roomd-worker': 'breaking-worker' })
    const folder = await temporaryFolder()
    const nodes = []
    try {
      const secret = join(folder, 'secret')
      await writeFile(secret, randomBytes(32).toString('base64'), { mode: 0o600 })
      const args = ['--redis', url, '--cluster-listen', '127.0.0.1:0', '--cluster-secret-file', secret]
      for (let i = 0; i < 2; i++) {
        nodes.push(await Roomd.start({ args, program: programs.roomd }))
      }
      const [one, two] = nodes
      const client = await Client.connect(one, 'drained')
      const id = /node=(\S+)/.exec(one.log)[1]
      for (const words of [['drain', id], ['nodes'], ['workers'], ['rooms'], ['drain', id, '--off'], ['rebalance']]) {
        const { code, stderr } = await ctl(two, ...words)
        assert.equal(code, 0, `roomctl ${words.join(' ')}: ${stderr}`)
      }
      assert.equal(await client.push({ diff: putNote('moved') }), 'commit')
      let visitor = null
      await until('a quarantine', async () => {
        visitor = visitor && !visitor.closed ? visitor : await Client.open(one, 'abort here')
        return (await (await one.get('/v1/rooms/abort%20here')).json()).state === 'quarantined'
      })
      visitor.drop()
      assert.equal((await ctl(two, 'release', 'abort here')).code, 0)
      assert.equal(client.closed, null)
    } finally {
      await Promise.all(nodes.map((node) => node.finish()))
      await removeFolder(folder)
      await programs.remove()
    }
  }

  const logged = async (redis) => (await redis.command('ACL', 'LOG')).map((entry) => entry.join(' '))

  test('is enough for everything', () =>
    withRedis([], async (redis, topology) => {
      await topology.login()
      const url = `redis://${topology.credentials}${redis.address}`
      await withRoomd({ args: ['--redis', url, '--unload-after', '1'] }, async (roomd) => {
        await doEverything(roomd, redis)
        assert.deepEqual(await logged(redis), [], 'something was refused')
        assert.doesNotMatch(roomd.log, /NOPERM/)
        assert.ok(!roomd.log.includes(PASSWORD))
      })
      /* What is done when a worker dies of a room. */
      assert.equal(await redis.command('ACL', 'DRYRUN', 'roomd', 'EVAL', '', 1, 'roomd:{x}'), 'OK')
      assert.match(await redis.command('ACL', 'DRYRUN', 'roomd', 'GET', 'others'), /no permissions/)
      assert.deepEqual(await logged(redis), [])
    }))

  test('has none that is not needed', () =>
    withRedis([], async (redis, topology) => {
      await topology.login()
      const names = (await rightsOf('roomd')).filter((word) => word.startsWith('+')).map((word) => word.slice(1))
      const url = `redis://${topology.credentials}${redis.address}`
      await withRoomd({ args: ['--redis', url, '--unload-after', '1'] }, async (roomd) => {
        await doEverything(roomd, redis)
        const stats = await redis.command('INFO', 'commandstats')
        const used = new Set([...stats.matchAll(/^cmdstat_([^:]+):calls/gm)].map(([, name]) => name))
        /* Only where a room kills its worker or a worker takes its leave. */
        const seldom = ['eval', 'exists']
        const idle = names.filter((name) => !used.has(name) && !seldom.includes(name))
        assert.deepEqual(idle, [])
      })
    }))

  const topologies = {
    'one server': () => SingleTopology.start(),
    'a master with sentinels': () => SentinelTopology.start({ replicas: 1 }),
    'a cluster': () => ClusterTopology.start({ masters: 3 }),
  }
  for (const [name, start] of Object.entries(topologies)) {
    test(`is enough for several nodes: ${name}`, async () => {
      const topology = await start()
      try {
        await topology.login()
        const url = topology.url ?? `redis://${topology.credentials}${topology.redis.address}`
        await doWhatNodesDo(url)
        for (const server of topology.servers) {
          assert.deepEqual(await logged(server), [], 'something was refused')
        }
        for (const sentinel of topology.sentinels ?? []) {
          assert.deepEqual(await logged(sentinel), [])
        }
      } finally {
        await topology.stop()
      }
    })
  }

  test('may have no user name', () =>
    withRedis([], async (redis) => {
      await redis.command('CONFIG', 'SET', 'requirepass', 'secret')
      redis.auth = ['secret']
      const url = `redis://:secret@${redis.address}`
      await withRoomd({ args: ['--redis', url] }, (roomd) => draw(roomd, 'one'))
    }))

  const wrong = {
    'a wrong password': { url: (address) => `redis://roomd:wrong@${address}`, says: /WRONGPASS/ },
    'no password': { url: (address) => `redis://${address}`, says: /NOAUTH/ },
    'nobody there': { url: () => 'redis://127.0.0.1:1', says: /cannot reach Redis.*Connection refused/ },
    'a host that is not': { url: () => 'redis://no.such.host.invalid:1', says: /cannot reach Redis.*(Name|name)/ },
  }
  for (const [name, { url, says }] of Object.entries(wrong)) {
    test(`${name} is said at the start`, () =>
      withRedis([], async (redis) => {
        await redis.command('CONFIG', 'SET', 'requirepass', 'secret')
        await assert.rejects(Roomd.start({ args: ['--redis', url(redis.address)] }), says)
      }))
  }
})

describe('Redis under TLS', () => {
  let folder
  let file
  before(async () => {
    folder = await temporaryFolder()
    file = await makeCertificates(folder)
  })
  after(() => removeFolder(folder))

  /* A server that wants certificates of its clients too; gets its TLS address. */
  async function withTls(certificate, act) {
    const port = await freePort()
    const args = [
      ...['--tls-port', port, '--tls-ca-cert-file', file('ca.pem')],
      ...['--tls-cert-file', file(`${certificate}.pem`), '--tls-key-file', file(`${certificate}.key`)],
    ]
    await withRedis(args, (redis) => act(`127.0.0.1:${port}`, redis))
  }
  const query = (params) => new URLSearchParams(params).toString().replaceAll('+', '%20')
  const mine = () => ({ cert: file('client.pem'), key: file('client.key') })

  test('both sides show certificates', () =>
    withTls('server', async (address, redis) => {
      const url = `rediss://${address}?${query({ cacert: file('ca.pem'), ...mine() })}`
      await withRoomd({ args: ['--redis', url] }, async (roomd) => {
        await draw(roomd, 'safe')
        const list = await redis.command('CLIENT', 'LIST')
        const theirs = list.split('\n').filter((line) => line.includes(` laddr=${address} `))
        assert.ok(theirs.length >= 4, 'two workers, a gateway, the supervisor')
        const client = await Client.connect(roomd, 'large')
        await client.push({ diff: putNote('large', { text: 'x'.repeat(3 << 20) }) })
        await client.leave()
        const { documents } = await readRoom(roomd, 'large')
        assert.equal(documents['note:large'].text.length, 3 << 20)
        const drawer = await Client.connect(roomd, 'safe')
        await redis.end()
        const pushed = drawer.push({ diff: putNote('meanwhile') })
        await redis.start()
        assert.equal(await pushed, 'commit')
        drawer.drop()
      })
    }))

  test('a certificate for another name is taken where the URL names it', () =>
    withTls('named', async (address) => {
      const params = { cacert: file('ca.pem'), ...mine() }
      await assert.rejects(Roomd.start({ args: ['--redis', `rediss://${address}?${query(params)}`] }), /mismatch/)
      const url = `rediss://${address}?${query({ ...params, sni: 'redis.test' })}`
      await withRoomd({ args: ['--redis', url] }, (roomd) => draw(roomd, 'named'))
    }))

  const wrong = {
    'no authority': { params: () => mine(), says: /cannot reach Redis.*(issuer|self.signed)/ },
    'another authority': {
      params: () => ({ cacert: file('other-ca.pem'), ...mine() }),
      says: /issuer|self.signed|verify/,
    },
    'no certificate of ours': {
      params: () => ({ cacert: file('ca.pem') }),
      says: /certificate required|closed the connection/,
    },
    'a file that is not there': {
      params: () => ({ cacert: '/no/such/file.pem' }),
      says: /cacert \/no\/such\/file.pem: /,
    },
    'a file that is no certificate': {
      params: () => ({ cacert: NO_CERTIFICATE }),
      says: /cacert \S+access.test.js: /,
    },
    "a key that is another certificate's": {
      params: () => ({ cacert: file('ca.pem'), cert: file('client.pem'), key: file('server.key') }),
      says: /key \S+server.key: key values mismatch/,
    },
  }
  for (const [name, { params, says }] of Object.entries(wrong)) {
    test(`${name} is said at the start`, () =>
      withTls('server', (address) =>
        assert.rejects(Roomd.start({ args: ['--redis', `rediss://${address}?${query(params())}`] }), says),
      ))
  }

  test('sentinels too, and the master that they name next', async () => {
    const topology = await SentinelTopology.start({ replicas: 1, certificates: file })
    try {
      await topology.login()
      const url = `${topology.url}&${query({ cacert: file('ca.pem'), ...mine() })}`
      await withRoomd({ args: ['--redis', url] }, async (roomd) => {
        await draw(roomd, 'safe')
        const old = await topology.master()
        for (const process of [old, ...topology.sentinels]) {
          const list = await process.command('CLIENT', 'LIST')
          const ours = list.split('\n').filter((line) => / user=(roomd|sentry) /.test(line))
          assert.ok(ours.length > 0, process.name)
          assert.ok(ours.every((line) => line.includes(` laddr=${process.tlsAddress} `)), list)
        }
        const client = await Client.connect(roomd, 'safe')
        await old.end()
        const pushed = client.push({ diff: putNote('meanwhile') })
        const next = await topology.newMaster(old)
        assert.equal(await pushed, 'commit')
        await client.leave()
        assert.ok(await next.command('HGET', 'roomd:{safe}', 'owner'))
        assert.ok(!roomd.log.includes(PASSWORD))
      })
    } finally {
      await topology.stop()
    }
  })

  test('servers of a cluster name each other by their TLS ports', async () => {
    const topology = await ClusterTopology.start({ masters: 3, certificates: file })
    try {
      await topology.login()
      const url = `${topology.url}?${query({ cacert: file('ca.pem'), ...mine() })}`
      await withRoomd({ args: ['--redis', url] }, async (roomd) => {
        for (const room of ['one', 'two', 'three', 'four', 'five']) {
          await draw(roomd, room)
        }
        for (const server of topology.servers) {
          const clients = (await server.command('CLIENT', 'LIST')).split('\n')
          const ours = clients.filter((line) => / user=roomd /.test(line))
          assert.ok(ours.length >= 4)
          assert.deepEqual(ours.filter((line) => !line.includes(` laddr=${server.tlsAddress} `)), [])
        }
      })
    } finally {
      await topology.stop()
    }
  })

  test('plain text to such a port is no use', () =>
    withTls('server', (address) =>
      assert.rejects(Roomd.start({ args: ['--redis', `redis://${address}`] }), /cannot reach Redis/),
    ))
})
