/* The Redis that nodes share, on machines of its own: as deploy/ ships it - a primary, two replicas, three
 * Sentinels - or a cluster of three masters. Both say who owns which room, and where their append-only
 * files are. */
import { closeSync, openSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DEPLOY } from '../../deploy/lib/files.js'
import { isRunning, kill, startProcess } from '../../e2e/lib/processes.js'
import { Redis, keyOf } from '../../e2e/lib/redis.js'
import { ClusterTopology } from '../../e2e/lib/redis_topology.js'
import { removeFolder, temporaryFolder } from '../../e2e/lib/roomd.js'
import { soon, until } from '../../e2e/lib/wait.js'

const MASTER = 'rooms' // in deploy/redis/sentinel.conf
const PORT = 6379
const SENTINEL_PORT = 26379
const ANSWER_MS = 1000

/* Connections that are made again when they are lost, and answers that are there or not. */
class Asker {
  #connections = new Map()

  async ask(server, ...command) {
    try {
      if (!this.#connections.has(server)) {
        const connection = Redis.connect({ host: server.host, port: server.port })
        connection.catch(() => {})
        this.#connections.set(server, connection)
      }
      const redis = await soon('a connection', this.#connections.get(server), ANSWER_MS)
      return await soon('an answer', redis.text(...command), ANSWER_MS)
    } catch (error) {
      this.#connections.delete(server)
      throw error
    }
  }
}

class Shared {
  #asker = new Asker()

  /* Who has a room: {owner, node, epoch}; null where nobody has, or nobody can say. */
  async owners(rooms) {
    const ask = async (room) => {
      const server = await this.serverOf(keyOf(room))
      const fields = ['owner', 'node', 'epoch', 'taken']
      const [owner, node, epoch, taken] = await this.#asker.ask(server, 'HMGET', keyOf(room), ...fields)
      return owner ? { owner, node, epoch: Number(epoch), taken } : null
    }
    return Promise.all(rooms.map((room) => ask(room).catch(() => null)))
  }

  ask(server, ...command) {
    return this.#asker.ask(server, ...command)
  }

  /* Folders of append-only files. */
  get logs() {
    return this.servers.map(({ folder }) => join(folder, 'appendonlydir'))
  }

  /* The names of all its machines. */
  get hosts() {
    return this.processes.map(({ name }) => name)
  }
}

/* One of its processes on its machine, with the command of deploy/compose.yaml. */
class Server {
  #child = null
  #command

  constructor(hosts, name, port, folder, command) {
    Object.assign(this, { name, port, folder, host: hosts.address(name) })
    this.#command = [...hosts.prefix(name), ...command]
  }

  async start(asker) {
    const [program, ...args] = this.#command
    const log = openSync(join(process.env.E2E_LOGS, `${this.name}.log`), 'a')
    this.#child = startProcess(program, args, { cwd: this.folder, stdio: ['ignore', log, log] })
    closeSync(log)
    await until(`${this.name}`, () => asker.ask(this, 'PING'))
  }

  signal(signal) {
    kill(this.#child.pid, signal)
  }

  async kill() {
    if (isRunning(this.#child)) {
      const gone = new Promise((resolve) => this.#child.once('exit', resolve))
      this.signal('SIGKILL')
      await gone
    }
  }
}

export class ShippedRedis extends Shared {
  #folder
  #master // as the Sentinels said last
  servers = []
  sentinels = []

  static async start(hosts) {
    const redis = new ShippedRedis()
    redis.#folder = await temporaryFolder()
    for (const name of ['redis-1', 'redis-2', 'redis-3', 'sentinel-1', 'sentinel-2', 'sentinel-3']) {
      await hosts.add(name)
    }
    for (const i of [1, 2, 3]) {
      await redis.#server(hosts, `redis-${i}`)
    }
    await redis.#inStep()
    for (const i of [1, 2, 3]) {
      await redis.#sentinel(hosts, `sentinel-${i}`)
    }
    redis.#master = redis.servers[0]
    await redis.#watched()
    return redis
  }

  async #server(hosts, name) {
    const folder = join(this.#folder, name)
    await mkdir(folder)
    const replica = this.servers.length > 0 ? ['--replicaof', 'redis-1', `${PORT}`] : []
    const file = join(folder, 'redis.conf') // of its own: Sentinels let it write down whose replica it is
    await copyFile(join(DEPLOY, 'redis/redis.conf'), file)
    const soon = ['--repl-diskless-sync-delay', '0'] // of replicas that come one by one
    const args = [file, '--replica-announce-ip', name, ...soon, ...replica]
    const server = new Server(hosts, name, PORT, folder, ['redis-server', ...args])
    this.servers.push(server)
    await server.start(this)
  }

  async #sentinel(hosts, name) {
    const folder = join(this.#folder, name)
    await mkdir(folder)
    await copyFile(join(DEPLOY, 'redis/sentinel.conf'), join(folder, 'sentinel.conf'))
    const command = ['redis-server', join(folder, 'sentinel.conf'), '--sentinel']
    const sentinel = new Server(hosts, name, SENTINEL_PORT, folder, command)
    this.sentinels.push(sentinel)
    await sentinel.start(this)
  }

  #inStep() {
    return until('replicas in step', async () => {
      const info = await this.ask(this.servers[0], 'INFO', 'replication')
      return info.match(/state=online/g)?.length === this.servers.length - 1
    })
  }

  #watched() {
    return until('Sentinels that know each other', async () => {
      for (const sentinel of this.sentinels) {
        const flat = await this.ask(sentinel, 'SENTINEL', 'MASTER', MASTER)
        const state = Object.fromEntries(flat.flatMap((name, i) => (i % 2 ? [] : [[name, flat[i + 1]]])))
        if (state['num-slaves'] !== '2' || state['num-other-sentinels'] !== '2') {
          return false
        }
      }
      return true
    })
  }

  get processes() {
    return [...this.servers, ...this.sentinels]
  }

  get url() {
    return `sentinel://${this.sentinels.map(({ name, port }) => `${name}:${port}`).join(',')}/${MASTER}`
  }

  get master() {
    return this.#master
  }

  serverOf() {
    return this.#master
  }

  async #named(sentinel) {
    const [name] = await this.ask(sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER)
    return this.servers.find((server) => server.name === name || server.host === name)
  }

  /* Once all Sentinels name the same, another one than before, and it says so too. */
  async newMaster() {
    const old = this.#master
    this.#master = await until('another master', async () => {
      const named = await Promise.all(this.sentinels.map((sentinel) => this.#named(sentinel)))
      const isAgreed = named.every((one) => one && one === named[0] && one !== old)
      return isAgreed && (await this.ask(named[0], 'ROLE'))[0] === 'master' && named[0]
    })
    return this.#master
  }

  /* It is back, and has all that the master has. */
  isReplica(server) {
    return until(`${server.name} in step`, async () => {
      const info = await this.ask(server, 'INFO', 'replication')
      return /role:slave/.test(info) && /master_link_status:up/.test(info)
    })
  }

  async stop() {
    await Promise.all(this.processes.map((process) => process.kill()))
    await removeFolder(this.#folder)
  }
}

export class ClusteredRedis extends Shared {
  #topology
  #places = new Map() // key to its server: no slot is moved here

  static async start(hosts) {
    const redis = new ClusteredRedis()
    for (const name of ['redis-1', 'redis-2', 'redis-3']) {
      await hosts.add(name)
    }
    const where = { host: (name) => hosts.address(name), prefix: (name) => hosts.prefix(name) }
    const args = ['--appendfsync', 'always', '--protected-mode', 'no']
    redis.#topology = await ClusterTopology.start({ ...where, args })
    return redis
  }

  get servers() {
    return this.#topology.servers.map((server) =>
      Object.assign(server, { folder: join(this.#topology.folder, server.name) }),
    )
  }

  get processes() {
    return this.servers
  }

  get url() {
    return this.#topology.url
  }

  serverOf(key) {
    if (!this.#places.has(key)) {
      this.#places.set(key, this.#topology.masterOf(key))
    }
    return this.#places.get(key)
  }

  stop() {
    return this.#topology.stop()
  }
}
