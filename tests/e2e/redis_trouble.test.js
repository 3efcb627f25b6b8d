/* Redis stops, hangs, refuses, forgets: changes wait, everything else goes on, /readyz says why, and
 * nothing that was acknowledged is lost. */
import assert from 'node:assert/strict'
import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Client, putNote, readRoom } from './lib/client.js'
import { kill, residentBytes } from './lib/processes.js'
import { Proxy } from './lib/proxy.js'
import { RedisServer } from './lib/redis_server.js'
import { Roomd, removeFolder, temporaryFolder } from './lib/roomd.js'
import { until } from './lib/wait.js'

/* A Redis, a roomd that uses it, and a room with two people in it. */
class Scene {
  static async open({ redis = [], args = [] } = {}) {
    const scene = new Scene()
    scene.server = await RedisServer.start({ args: redis })
    try {
      scene.roomd = await Roomd.start({ args: ['--redis', `unix://${scene.server.socket}`, ...args] })
      await scene.enter('drawing')
    } catch (error) {
      await scene.close()
      throw error
    }
    return scene
  }

  async enter(room) {
    this.room = room
    this.drawer = await Client.connect(this.roomd, room)
    this.other = await Client.connect(this.roomd, room)
    await this.drawer.push({ diff: putNote('before') })
  }

  async close() {
    this.drawer?.drop()
    this.other?.drop()
    try {
      await this.roomd?.finish()
    } finally {
      await this.server?.stop()
    }
  }

  async readiness() {
    const response = await this.roomd.get('/readyz')
    return { status: response.status, text: await response.text() }
  }

  isReady() {
    return until('ready', async () => (await this.readiness()).status === 200)
  }

  isNotReady(why) {
    return until(`not ready for ${why}`, async () => {
      const { status, text } = await this.readiness()
      return status === 503 && why.test(text)
    })
  }

  /* A push that must wait, for as long as presence still takes. Returns {result}, its promise. */
  async pushWaits(id) {
    let answered = false
    const result = this.drawer.push({ diff: putNote(id) })
    result.then(() => (answered = true)).catch(() => {})
    await this.presenceFlows(id)
    await this.drawer.ping()
    assert.equal(answered, false, 'acknowledged without being stored')
    assert.equal(this.other.records.has(`note:${id}`), false, 'shown without being stored')
    return { result }
  }

  /* Not behind a change that waits, so from the other one. */
  async presenceFlows(name) {
    const presence = ['put', { id: 'x', typeName: 'presence', name, cursor: { x: 0, y: 0 }, chat: '' }]
    this.other.send({ type: 'push', clientClock: 1e6 + Math.floor(Math.random() * 1e6), presence })
    await this.other.ping()
  }

  async isWhole(...ids) {
    const { documents } = await until('a newcomer', () => readRoom(this.roomd, this.room))
    assert.deepEqual(Object.keys(documents).sort(), ids.map((id) => `note:${id}`).sort())
    assert.deepEqual(documents, this.drawer.documents)
  }
}

async function withScene(options, act) {
  const scene = await Scene.open(options)
  try {
    await act(scene)
  } catch (error) {
    await scene.close().catch(() => {}) // what went wrong first is what matters
    throw error
  }
  await scene.close()
}

/* How writes come to be refused, and how they are taken again. */
const refusals = {
  'is out of memory': {
    why: /OOM/,
    begin: ({ server }) => server.command('CONFIG', 'SET', 'maxmemory', 1),
    end: ({ server }) => server.command('CONFIG', 'SET', 'maxmemory', 0),
  },
  'cannot save': {
    why: /MISCONF/,
    begin: async ({ server }) => {
      await mkdir(join(server.folder, 'dump.rdb'))
      await writeFile(join(server.folder, 'dump.rdb', 'in the way'), '')
      await server.command('CONFIG', 'SET', 'save', '3600 1')
      await server.command('BGSAVE')
      await until('a failed save', async () =>
        /rdb_last_bgsave_status:err/.test(await server.command('INFO', 'persistence')),
      )
    },
    end: ({ server }) => server.command('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no'),
  },
  'forbids it': {
    why: /NOPERM/,
    begin: ({ server }) => server.command('ACL', 'SETUSER', 'default', '-hset', '-evalsha'),
    end: ({ server }) => server.command('ACL', 'SETUSER', 'default', '+@all'),
  },
}

describe('a Redis that refuses writes', { concurrency: true }, () => {
  for (const [name, { why, begin, end }] of Object.entries(refusals)) {
    test(`because it ${name}`, () =>
      withScene({}, async (scene) => {
        await scene.isReady()
        await begin(scene)
        const { result } = await scene.pushWaits('meanwhile')
        await scene.isNotReady(why)
        await scene.roomd.logged('why', new RegExp(`Redis refuses writes.*why="${why.source}`))
        const metrics = await (await scene.roomd.get('/metrics')).text()
        /* For longer than workers' keys live: nobody is taken for dead who cannot renew his. */
        const from = Date.now()
        await until('a while', () => Date.now() > from + 5000)
        await scene.presenceFlows('still')
        assert.match(metrics, /^roomd_store_writable\{.*worker.*\} 0$/m)
        await end(scene)
        assert.equal(await result, 'commit')
        await scene.isReady()
        await scene.isWhole('before', 'meanwhile')
        assert.ok(scene.roomd.log.match(/Redis refuses writes/g).length <= 3, 'said once by each process')
        assert.equal((await scene.server.command('HGET', 'roomd:{drawing}', 'epoch')), '1')
      }))
  }
})

describe('while changes wait', () => {
  /* A gateway reads no more of a client than it may keep; the rest stays where it is. */
  const skip = process.env.E2E_SANITIZED ? 'memory is no measure' : false
  test('memory is bounded, however much is pushed', { skip }, () =>
    withScene({}, async ({ roomd, server, drawer, room }) => {
      const names = ['worker-1', 'worker-2', 'gateway-1']
      const resident = () => names.map((name) => residentBytes(roomd.children().get(name)))
      const before = resident()
      await server.command('CONFIG', 'SET', 'maxmemory', 1)
      const text = 'x'.repeat(100_000)
      const results = Array.from({ length: 1000 }, (_, i) =>
        drawer.push({ diff: { 'note:before': ['patch', { text: ['put', `${i} ${text}`] }] } }),
      )
      await roomd.logged('why', /Redis refuses writes/)
      const from = Date.now()
      await until('a while', () => Date.now() > from + 2000)
      resident().forEach((bytes, i) => {
        assert.ok(bytes - before[i] < 40e6, `${names[i]} took ${bytes - before[i]} of 100e6 bytes`)
      })
      await server.command('CONFIG', 'SET', 'maxmemory', 0)
      assert.ok(!(await Promise.all(results)).includes('discard'))
      assert.deepEqual((await readRoom(roomd, room)).documents, drawer.documents)
    }))
})

describe('a Redis that goes away', { concurrency: true }, () => {
  const ways = {
    'is stopped and started': async ({ server }) => {
      await server.end('SIGTERM')
      return () => server.run()
    },
    'is killed and started': async ({ server }) => {
      await server.end('SIGKILL')
      return () => server.run()
    },
    'hangs for long': async ({ server }) => {
      kill(server.pid, 'SIGSTOP')
      return () => kill(server.pid, 'SIGCONT')
    },
    'becomes a replica for a while': async ({ server }) => {
      await server.command('REPLICAOF', '127.0.0.1', '1')
      return () => server.command('REPLICAOF', 'NO', 'ONE')
    },
  }
  for (const [name, begin] of Object.entries(ways)) {
    test(name, () =>
      withScene({}, async (scene) => {
        const end = await begin(scene)
        const { result } = await scene.pushWaits('meanwhile')
        await scene.isNotReady(/cannot persist: \S/)
        await scene.presenceFlows('still')
        await end()
        assert.equal(await result, 'commit')
        await scene.isReady()
        assert.equal(await scene.drawer.push({ diff: putNote('after') }), 'commit')
        await scene.isWhole('before', 'meanwhile', 'after')
      }))
  }

  test('and is not called too often', () =>
    withScene({}, async (scene) => {
      const { server } = scene
      const connections = async () =>
        Number(/total_connections_received:(\d+)/.exec(await server.command('INFO', 'stats'))[1])
      await server.command('REPLICAOF', '127.0.0.1', '1')
      const { result } = await scene.pushWaits('meanwhile')
      await scene.isNotReady(/replica/)
      const from = Date.now()
      const before = await connections()
      await until('a while', () => Date.now() > from + 3000)
      assert.ok((await connections()) - before < 30, 'three processes, back-off up to 2 s')
      await server.command('REPLICAOF', 'NO', 'ONE')
      assert.equal(await result, 'commit')
    }))

  test('the embedded one is killed', async () => {
    const roomd = await Roomd.start()
    try {
      const drawer = await Client.connect(roomd, 'drawing')
      const results = []
      for (let i = 0; i < 100; i++) {
        results.push(drawer.push({ diff: putNote(String(i)) }))
        if (i === 50) {
          kill(await roomd.child('redis'))
        }
      }
      assert.deepEqual([...new Set(await Promise.all(results))], ['commit'])
      const { documents } = await readRoom(roomd, 'drawing')
      assert.deepEqual(documents, drawer.documents)
      assert.equal(Object.keys(documents).length, 100)
    } finally {
      await roomd.finish()
    }
  })
})

describe('a Redis that is slow', { concurrency: true }, () => {
  test('by a script of somebody else, which is ended with SCRIPT KILL', () =>
    withScene({ redis: ['--busy-reply-threshold', 300] }, async (scene) => {
      const { roomd, server } = scene
      const script = server.command('EVAL', 'while true do end', 0).catch(({ message }) => message)
      await until('Redis busy', async () => {
        const reply = await server.command('PING').catch(({ message }) => message)
        return /^BUSY/.test(reply)
      })
      const { result } = await scene.pushWaits('meanwhile')
      await scene.isNotReady(/BUSY/)
      await roomd.logged('why', /Redis refuses writes.*why="BUSY/)
      await scene.presenceFlows('still')
      await server.command('SCRIPT', 'KILL')
      assert.match(await script, /killed/)
      assert.equal(await result, 'commit')
      await scene.isReady()
      await scene.isWhole('before', 'meanwhile')
    }))

  test('because it is far away: changes take as long, presence does not, nobody is given up', async () => {
    const server = await RedisServer.start()
    const proxy = await Proxy.start(server.socket)
    const scene = new Scene()
    scene.server = server
    try {
      scene.roomd = await Roomd.start({ args: ['--redis', `unix://${proxy.socket}`] })
      proxy.delay = 150
      await scene.enter('drawing')
      const { roomd, drawer } = scene
      const from = Date.now()
      const end = from + 5000 // longer than workers' keys live
      let pushes = 0
      let slowest = 0
      while (Date.now() < end) {
        const result = drawer.push({ diff: putNote(String(pushes++)) })
        const at = Date.now()
        await scene.presenceFlows('still')
        slowest = Math.max(slowest, Date.now() - at)
        assert.equal(await result, 'commit')
      }
      assert.ok((Date.now() - from) / pushes >= 2 * proxy.delay, 'the proxy delays')
      assert.ok(slowest < 2 * proxy.delay, `presence was answered after ${slowest} ms`)
      await scene.isReady()
      assert.equal(await server.command('HGET', 'roomd:{drawing}', 'epoch'), '1')
      assert.doesNotMatch(roomd.log, / (warn|error) /)
      await roomd.replace('worker-1')
      await roomd.replace('worker-2')
      assert.equal(await drawer.push({ diff: putNote('after') }), 'commit')
      assert.equal(drawer.closed, null)
    } finally {
      await scene.close()
      await proxy.stop()
    }
  })
})

/* The workers' keys are gone too. A gateway that looks just then takes them for dead and comes back
 * right away; who was under way is then told the room's state, and 'discard' (proto/ownership.md). */
const KEPT = /^(commit|discard)$/

describe('a Redis that forgets', { concurrency: true }, () => {
  test('its scripts', () =>
    withScene({}, async (scene) => {
      await scene.server.command('SCRIPT', 'FLUSH')
      assert.equal(await scene.drawer.push({ diff: putNote('after') }), 'commit')
      await scene.isWhole('before', 'after')
    }))

  test('everything, under rooms that live', () =>
    withScene({ args: ['--unload-after', '1'] }, async (scene) => {
      const { roomd, server } = scene
      const idle = await Client.connect(roomd, 'idle')
      await idle.push({ diff: putNote('before') })
      await server.command('FLUSHALL')
      assert.match(await scene.drawer.push({ diff: putNote('after') }), KEPT)
      await scene.isWhole('before', 'after')
      const { documents } = idle
      await idle.leave()
      await until('a snapshot', () => server.command('EXISTS', 'roomd:{idle}:snapshot'))
      await until('the room given up', async () =>
        (await server.command('HGET', 'roomd:{idle}', 'owner')) === null)
      assert.deepEqual((await readRoom(roomd, 'idle')).documents, documents)
    }))

  /* The room was read from a snapshot: its first entry in this epoch must not follow nothing. */
  test('everything, under a room that was just loaded', () =>
    withScene({ args: ['--unload-after', '1'] }, async (scene) => {
      const { roomd, server } = scene
      await scene.drawer.leave()
      await scene.other.leave()
      await until('the room given up', async () =>
        (await server.command('HGET', 'roomd:{drawing}', 'owner')) === null)
      scene.drawer = await Client.connect(roomd, 'drawing')
      scene.other = await Client.connect(roomd, 'drawing')
      await server.command('FLUSHALL')
      assert.match(await scene.drawer.push({ diff: putNote('after') }), KEPT)
      await roomd.kill()
      await roomd.start()
      await scene.isWhole('before', 'after')
    }))

  test('its last changes', () =>
    withScene({}, async (scene) => {
      const { server, drawer } = scene
      const copy = await temporaryFolder()
      try {
        await cp(join(server.folder, 'appendonlydir'), join(copy, 'appendonlydir'), { recursive: true })
        for (let i = 0; i < 10; i++) {
          await drawer.push({ diff: putNote(`lost ${i}`) })
        }
        await server.end('SIGKILL')
        await rm(join(server.folder, 'appendonlydir'), { recursive: true })
        await cp(join(copy, 'appendonlydir'), join(server.folder, 'appendonlydir'), { recursive: true })
        await server.run()
        assert.equal(await drawer.push({ diff: putNote('after') }), 'commit')
        await scene.isWhole('before', 'after', ...Array.from({ length: 10 }, (_, i) => `lost ${i}`))
        await scene.roomd.kill()
        await scene.roomd.start()
        await scene.isWhole('before', 'after', ...Array.from({ length: 10 }, (_, i) => `lost ${i}`))
      } finally {
        await removeFolder(copy)
      }
    }))
})

/* As a failover to a replica that lacks the last second does, or a restart with everysec. */
class Past {
  static async remember({ server }) {
    const past = new Past()
    past.server = server
    past.copy = await temporaryFolder()
    /* Redis may write a moment later than it answers. */
    await until('the note in the file', async () => {
      const names = await readdir(past.#files)
      const files = await Promise.all(names.map((name) => readFile(join(past.#files, name))))
      return files.some((bytes) => bytes.includes('note:before'))
    })
    await cp(past.#files, join(past.copy, 'files'), { recursive: true })
    return past
  }

  get #files() {
    return join(this.server.folder, 'appendonlydir')
  }

  /* Of a server that is down. */
  async restore() {
    await rm(this.#files, { recursive: true })
    await cp(join(this.copy, 'files'), this.#files, { recursive: true })
    await this.server.run()
  }
}

/* Nobody has what was lost, and everybody who has seen it has to forget it. */
describe('a Redis that loses its last changes together with', { concurrency: true }, () => {
  const deaths = {
    'all workers': ({ roomd }) => ['worker-1', 'worker-2'].forEach((name) => kill(roomd.children().get(name))),
    'the whole node': async ({ roomd }) => {
      await roomd.kill()
      return () => roomd.start()
    },
  }
  for (const [name, strike] of Object.entries(deaths)) {
    test(name, () =>
      withScene({ redis: ['--appendfsync', 'everysec'] }, async (scene) => {
        const { roomd, server, drawer, other } = scene
        const past = await Past.remember(scene)
        try {
          for (let i = 0; i < 10; i++) {
            await drawer.push({ diff: putNote(`lost ${i}`) })
          }
          await other.hear('patch', ({ diff }) => diff['note:lost 9'])
          const seen = other.clock
          await server.end('SIGKILL')
          const revive = await strike(scene)
          await past.restore()
          await revive?.()
          await Promise.all([drawer.ended, other.ended])
          if (name === 'all workers') {
            assert.equal(drawer.closed.code, 1012)
            assert.equal(other.closed.code, 1012)
          }
          scene.other = await until('somebody back', () => Client.open(roomd, 'drawing', { session: other.session }))
          const reply = await scene.other.handshake({ lastServerClock: seen })
          await roomd.logged('the jump', /warn .*room=drawing: .*its clock jumps/)
          assert.equal(reply.hydrationType, 'wipe_all')
          assert.ok(reply.serverClock > seen)
          assert.deepEqual(Object.keys(scene.other.documents), ['note:before'])
          scene.drawer = await Client.connect(roomd, 'drawing')
          assert.equal(await scene.drawer.push({ diff: putNote('after') }), 'commit')
          await scene.isWhole('before', 'after')
        } finally {
          await removeFolder(past.copy)
        }
      }))
  }
})

describe('a key of another type', { concurrency: true }, () => {
  let scene
  before(async () => {
    scene = await Scene.open()
  })
  after(() => scene.close())

  test('in place of a log concerns that room only, and a snapshot repairs it', async () => {
    const { roomd, server } = scene
    const client = await Client.connect(roomd, 'odd log')
    await client.push({ diff: putNote('before') })
    await server.command('SET', 'roomd:{odd log}:log', 'of somebody else')
    assert.equal(await client.push({ diff: putNote('after') }), 'commit')
    assert.deepEqual((await readRoom(roomd, 'odd log')).documents, client.documents)
    await roomd.logged('the room', /error.*room="?odd log.*refuses a key.*key="?roomd:{odd log}.*WRONGTYPE/)
    client.drop()
  })

  test('in place of a hash makes that room wait, and no other', async () => {
    const { roomd, server } = scene
    const client = await Client.connect(roomd, 'odd hash')
    await client.push({ diff: putNote('before') })
    await server.command('DEL', 'roomd:{odd hash}')
    await server.command('SET', 'roomd:{odd hash}', 'of somebody else')
    const result = client.push({ diff: putNote('after') })
    await roomd.logged('the room', /error.*room="?odd hash.*refuses a key.*key="?roomd:{odd hash}.*WRONGTYPE/)
    assert.equal(await scene.drawer.push({ diff: putNote('meanwhile') }), 'commit')
    assert.equal((await scene.readiness()).status, 200)
    await server.command('DEL', 'roomd:{odd hash}')
    assert.equal(await result, 'commit')
    assert.deepEqual((await readRoom(roomd, 'odd hash')).documents, client.documents)
    client.drop()
  })
})
