/* Redis as operators run it: one server with options, a master with replicas and sentinels, a cluster.
 * Each is made of real processes on ports that were free. `host` and `prefix` are for those who give
 * each process an address of its own: prefix(name) is what its command line begins with, for instance
 * ['ip', 'netns', 'exec', name], and host(name) its address. */
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { isRunning, kill, startProcess } from './processes.js'
import { Redis } from './redis.js'
import { removeFolder, temporaryFolder } from './roomd.js'
import { soon, until } from './wait.js'

const run = promisify(execFile)
export const PASSWORD = 'p@ss-w%rd'
const HERE = { host: () => '127.0.0.1', prefix: () => [] }
/* How soon a master that does not answer is taken for dead. */
const DOWN_AFTER_MS = 1000

/* What an operator would copy from proto/redis.md to make that user. */
export async function rightsOf(user) {
  const text = await readFile(fileURLToPath(new URL('../../../proto/redis.md', import.meta.url)), 'utf8')
  const [, line] = new RegExp(`^ {4}(ACL SETUSER ${user} .*)$`, 'm').exec(text)
  return line.replace('PASSWORD', PASSWORD).split(' ')
}

/* A port that nobody listened on a moment ago, below those that the system hands out for other ends of
 * connections: one of those may be taken until it is used. */
export async function freePort() {
  for (;;) {
    const port = 10000 + Math.floor(Math.random() * 20000)
    const free = await new Promise((resolve) => {
      const server = createServer()
      server.on('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) {
      return port
    }
  }
}

/* One redis-server process, which may be a sentinel. */
export class RedisProcess {
  #child
  #command
  name
  host
  port
  auth = [] // words of AUTH, where connect() needs them
  user = null // an ACL SETUSER command; each start has it from the first moment

  constructor(name, host, port, command) {
    Object.assign(this, { name, host, port })
    this.#command = command
  }

  async start() {
    const [program, ...args] = this.#command
    const user = this.user ? ['--user', ...this.user.slice(2)] : []
    this.#child = startProcess(program, [...args, ...user], { stdio: 'ignore' })
    await until(`redis ${this.name}`, () => this.command('PING'))
  }

  get address() {
    return `${this.host}:${this.port}`
  }

  get pid() {
    return this.#child.pid
  }

  get isRunning() {
    return isRunning(this.#child)
  }

  async connect() {
    const redis = await Redis.connect({ host: this.host, port: this.port })
    if (this.auth.length) {
      await redis.text('AUTH', ...this.auth)
    }
    return redis
  }

  /* One command. */
  async command(...args) {
    const redis = await this.connect()
    try {
      return await redis.text(...args)
    } finally {
      redis.close()
    }
  }

  async isMaster() {
    return (await this.command('ROLE'))[0] === 'master'
  }

  async end(signal = 'SIGKILL') {
    if (isRunning(this.#child)) {
      const gone = new Promise((resolve) => this.#child.once('exit', resolve))
      kill(this.#child.pid, signal)
      await soon(`the end of redis ${this.name}`, gone)
    }
  }
}

/* What topologies have in common: a folder and processes. */
class Topology {
  processes = []

  async prepare(where) {
    this.where = { ...HERE, ...where }
    this.folder = await temporaryFolder()
  }

  /* A server with a folder of its own. */
  async server(name, args) {
    const folder = join(this.folder, name)
    await mkdir(folder)
    const host = this.where.host(name)
    const port = await freePort()
    const own = ['--port', port, '--bind', host, '--dir', folder, '--save', '', '--logfile', 'log']
    const tls = this.where.certificates && (await freePort())
    const command = [...this.where.prefix(name), 'redis-server', ...own, ...args, ...this.#tls(tls)].map(String)
    const process = new RedisProcess(name, host, port, command)
    process.tlsAddress = `${host}:${tls}`
    this.processes.push(process)
    return process
  }

  /* With `certificates` (of makeCertificates) each server has a second port, for TLS. */
  #tls(port) {
    const file = this.where.certificates
    return file
      ? [
          ...['--tls-port', port, '--tls-cluster', 'yes', '--tls-replication', 'yes'],
          ...['--tls-ca-cert-file', file('ca.pem')],
          ...['--tls-cert-file', file('server.pem'), '--tls-key-file', file('server.key')],
        ]
      : []
  }

  /* Where others reach it, roomd and other servers. */
  reach(process) {
    return this.where.certificates ? process.tlsAddress : process.address
  }

  /* A login that roomd's URL has from now on, with the rights that proto/redis.md names. */
  async login(...more) {
    this.user = [...(await rightsOf('roomd')), ...more]
    for (const server of this.servers) {
      server.user = this.user
      await server.command(...this.user)
    }
  }

  get credentials() {
    return this.user ? `roomd:${encodeURIComponent(PASSWORD)}@` : ''
  }

  async stop() {
    await Promise.all(this.processes.map((process) => process.end()))
    await removeFolder(this.folder)
  }
}

/* What a sentinel says of a server: names and values by turns. */
function fieldsOf(flat) {
  return Object.fromEntries(flat.flatMap((name, i) => (i % 2 ? [] : [[name, flat[i + 1]]])))
}

/* A master, its replicas, and sentinels that watch them. */
export class SentinelTopology extends Topology {
  static async start(options = {}) {
    const { replicas = 2, sentinels = 3, args = [], downAfter = DOWN_AFTER_MS, ...where } = options
    const topology = new SentinelTopology()
    await topology.prepare(where)
    try {
      await topology.#start(replicas, sentinels, args, downAfter)
    } catch (error) {
      await topology.stop()
      throw error
    }
    return topology
  }

  async #start(replicas, sentinels, args, downAfter) {
    const durable = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--repl-diskless-sync-delay', '0']
    const master = await this.server('redis-1', [...durable, ...args])
    await master.start()
    this.servers = [master]
    for (let i = 0; i < replicas; i++) {
      const replicaof = ['--replicaof', this.reach(master).replace(':', ' ')]
      const replica = await this.server(`redis-${i + 2}`, [...durable, ...args, ...replicaof])
      await replica.start()
      this.servers.push(replica)
    }
    await until('replicas in step', async () => {
      const info = await master.command('INFO', 'replication')
      return info.match(/state=online/g)?.length === replicas
    })
    this.sentinels = []
    for (let i = 0; i < sentinels; i++) {
      this.sentinels.push(await this.#sentinel(`sentinel-${i + 1}`, master, downAfter))
    }
    await until('sentinels that know each other', async () => {
      const states = await Promise.all(this.sentinels.map((sentinel) => this.#state(sentinel)))
      return states.every(
        (state) =>
          state['num-slaves'] === `${replicas}` && state['num-other-sentinels'] === `${sentinels - 1}`,
      )
    })
  }

  async #sentinel(name, master, downAfter) {
    const host = this.where.host(name)
    const port = await freePort()
    const tls = this.where.certificates && (await freePort())
    const folder = join(this.folder, name)
    await mkdir(folder)
    const file = join(folder, 'sentinel.conf')
    const lines = [
      `port ${port}`,
      ...this.#tlsLines(tls),
      `bind ${host}`,
      `dir ${folder}`,
      'logfile log',
      `sentinel monitor main ${this.reach(master).replace(':', ' ')} 2`,
      `sentinel down-after-milliseconds main ${downAfter}`,
      'sentinel failover-timeout main 5000',
    ]
    await writeFile(file, lines.join('\n') + '\n')
    const process = new RedisProcess(name, host, port, [
      ...this.where.prefix(name),
      'redis-server',
      file,
      '--sentinel',
    ])
    process.tlsAddress = `${host}:${tls}`
    this.processes.push(process)
    await process.start()
    return process
  }

  #tlsLines(port) {
    const file = this.where.certificates
    return file
      ? [
          `tls-port ${port}`,
          'tls-replication yes',
          `tls-ca-cert-file ${file('ca.pem')}`,
          `tls-cert-file ${file('server.pem')}`,
          `tls-key-file ${file('server.key')}`,
        ]
      : []
  }

  async login() {
    await super.login()
    const rights = await rightsOf('sentry')
    await Promise.all(this.sentinels.map((sentinel) => sentinel.command(...rights)))
  }

  async #state(sentinel) {
    return fieldsOf(await sentinel.command('SENTINEL', 'MASTER', 'main'))
  }

  /* Once all sentinels see replicas in all but one. One that still sees another master makes that a
   * replica, whatever it has become meanwhile: a failover to it by hand would be undone. */
  isSettled() {
    return until('sentinels that see one master', async () => {
      const living = this.sentinels.filter((sentinel) => sentinel.isRunning)
      const seen = await Promise.all(living.map((sentinel) => sentinel.command('SENTINEL', 'REPLICAS', 'main')))
      return seen.flat().every((replica) => fieldsOf(replica)['role-reported'] === 'slave')
    })
  }

  get url() {
    const query = this.user ? `?sentinel_user=sentry&sentinel_password=${encodeURIComponent(PASSWORD)}` : ''
    const scheme = this.where.certificates ? 'rediss-sentinel' : 'sentinel'
    return `${scheme}://${this.credentials}${this.sentinels.map((one) => this.reach(one)).join(',')}/main${query}`
  }

  /* The server that a sentinel names. */
  async master(sentinel = this.sentinels[0]) {
    const [host, port] = await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main')
    return this.servers.find((server) => this.reach(server) === `${host}:${port}`)
  }

  /* Once all sentinels name the same, which is another one than `old` and takes writes. */
  newMaster(old) {
    return until('another master', async () => {
      const named = await Promise.all(this.sentinels.map((sentinel) => this.master(sentinel)))
      const agreed = named.every((one) => one && one === named[0] && one !== old)
      return agreed && (await named[0].isMaster()) && named[0]
    })
  }
}

/* Masters, each with replicas. */
export class ClusterTopology extends Topology {
  static async start({ masters = 3, replicas = 0, args = [], nodeTimeout = 2000, ...where } = {}) {
    const topology = new ClusterTopology()
    await topology.prepare(where)
    try {
      await topology.#start(masters, replicas, args, nodeTimeout)
    } catch (error) {
      await topology.stop()
      throw error
    }
    return topology
  }

  async #start(masters, replicas, args, nodeTimeout) {
    this.args = [
      ...['--cluster-enabled', 'yes', '--cluster-node-timeout', nodeTimeout],
      ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--repl-diskless-sync-delay', '0'],
      /* A cluster that lost a master goes on with the rest. */
      ...['--cluster-require-full-coverage', 'no', ...args],
    ]
    this.servers = []
    for (let i = 0; i < masters * (1 + replicas); i++) {
      await this.add()
    }
    const addresses = this.servers.map(({ address }) => address)
    await this.cli('--cluster', 'create', ...addresses, '--cluster-replicas', replicas, '--cluster-yes')
    await this.isWhole()
  }

  /* One more process, which is no part of the cluster yet. */
  async add() {
    const bus = await freePort()
    const server = await this.server(`redis-${this.servers.length + 1}`, [...this.args, '--cluster-port', bus])
    this.servers.push(server)
    server.user = this.user ?? null
    await server.start()
    return server
  }

  login() {
    return super.login('+cluster|slots', '+asking')
  }

  get url() {
    const hosts = this.servers.map((server) => this.reach(server))
    return `${this.where.certificates ? 'rediss' : 'redis'}-cluster://${this.credentials}${hosts.join(',')}`
  }

  cli(...args) {
    return run('redis-cli', args.map(String))
  }

  /* All that live agree, and each slot has a master. */
  isWhole() {
    return until('a whole cluster', async () => {
      const living = this.servers.filter((server) => server.isLost !== true)
      const infos = await Promise.all(living.map((server) => server.command('CLUSTER', 'INFO')))
      return infos.every(
        (info) => /cluster_state:ok/.test(info) && /cluster_slots_ok:16384/.test(info),
      )
    })
  }

  /* Who has the key, as any of the living says. */
  async masterOf(key) {
    const [asked] = this.servers.filter((server) => server.isLost !== true)
    const slot = await asked.command('CLUSTER', 'KEYSLOT', key)
    const ranges = await asked.command('CLUSTER', 'SLOTS')
    const range = ranges.find(([first, last]) => first <= slot && slot <= last)
    return this.servers.find((server) => server.port === range[2][1])
  }

  idOf(server) {
    return server.command('CLUSTER', 'MYID')
  }

  /* Moves that many slots from one to the other, with all keys in them. */
  async reshard(from, to, slots) {
    const ids = await Promise.all([from, to].map((server) => this.idOf(server)))
    const asked = from
    await until('servers that agree', () => this.cli('--cluster', 'check', asked.address))
    await this.cli(
      ...['--cluster', 'reshard', asked.address, '--cluster-from', ids[0], '--cluster-to', ids[1]],
      ...['--cluster-slots', slots, '--cluster-yes'],
    )
  }

  /* As reshard does it, key by key, for one slot; `between` is called after each key and awaited. */
  async moveSlot(slot, from, to, between) {
    const [fromId, toId] = await Promise.all([from, to].map((server) => this.idOf(server)))
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
    let key
    while (([key] = await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 1)) && key) {
      await from.command('MIGRATE', to.host, to.port, key, 0, 5000)
      const [left] = await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 1)
      await between(key, left === undefined)
    }
    await to.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
    await from.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
  }

  /* How often a server has answered with that error. */
  async errors(server, code) {
    const stats = await server.command('INFO', 'errorstats')
    return Number(new RegExp(`^errorstat_${code}:count=(\\d+)`, 'm').exec(stats)?.[1] ?? 0)
  }

  /* kill -9 */
  async lose(server) {
    server.isLost = true
    await server.end()
  }

  /* It comes back as a replica of who has taken its place. */
  async revive(server) {
    await server.start()
    await until('a replica in step', async () => {
      const info = await server.command('INFO', 'replication')
      return /role:slave/.test(info) && /master_link_status:up/.test(info)
    })
    server.isLost = false
  }
}

/* Certificates: an authority (ca), of it a server of 127.0.0.1 and redis.test (server), one of redis.test
 * alone (named) and a client (client), and an authority that nobody should trust (other-ca). Returns
 * where a file of them is. */
export async function makeCertificates(folder) {
  const file = (name) => join(folder, name)
  const openssl = (...args) => run('openssl', args)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  for (const name of ['ca', 'other-ca']) {
    const subject = ['-subj', `/CN=roomd test ${name}`]
    const out = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)]
    await openssl('req', '-x509', ...key, ...subject, ...out)
  }
  for (const [name, san] of [
    ['server', 'IP:127.0.0.1,DNS:redis.test'],
    ['named', 'DNS:redis.test'],
    ['client', 'DNS:client.test'],
  ]) {
    const signed = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-addext', `subjectAltName=${san}`]
    const subject = ['-subj', `/CN=${name}`]
    const out = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)]
    await openssl('req', '-x509', ...key, ...subject, ...signed, ...out)
  }
  return file
}

/* One server, reached by TCP. */
export class SingleTopology extends Topology {
  static async start({ args = [], ...where } = {}) {
    const topology = new SingleTopology()
    await topology.prepare(where)
    topology.redis = await topology.server('redis', ['--appendonly', 'yes', '--appendfsync', 'always', ...args])
    topology.servers = [topology.redis]
    await topology.redis.start()
    return topology
  }
}
