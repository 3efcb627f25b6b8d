/* Nodes of roomd, each on a machine of its own, with the options of deploy/compose.yaml. */
import { randomBytes } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { interpolate, readEnv, readYaml } from '../../deploy/lib/files.js'
import { childrenOf, kill } from '../../e2e/lib/processes.js'
import { BINARY, Roomd, removeFolder, temporaryFolder } from '../../e2e/lib/roomd.js'
import { until } from '../../e2e/lib/wait.js'

/* Values that are meant to be set, in the place of those of deploy/.env.example: HAProxy sees within 2 s that a
 * node is not ready. */
const SET = { ROOMD_STOP_DELAY: '3', ROOMD_STOP_SPREAD: '1' }
const ANSWER_MS = 2000
const WELL_MS = 60000

/* What compose.yaml gives to a node; not the schema, for these clients have one of their own. */
function shippedOptions(name) {
  const env = { ...readEnv('.env.example'), ...SET }
  const { environment } = readYaml('compose.yaml').services['roomd-1']
  const values = Object.entries(environment).map(([key, value]) => [key, `${interpolate(value, env)}`])
  const { ROOMD_SCHEMA, ...options } = Object.fromEntries(values)
  return { ...options, ROOMD_ADVERTISE: name, ROOMD_LOG_FORMAT: 'text' }
}

export class Node {
  #roomd = null
  #start
  name
  isUp = false // as far as we are concerned

  /* `options` are variables, `prefix` what its command line begins with. */
  constructor(name, host, prefix, options) {
    this.name = name
    this.host = host
    this.workers = Number(options.ROOMD_WORKERS)
    this.gateways = Number(options.ROOMD_GATEWAYS)
    this.#start = (args, program) => {
      const where = { listen: this.address, admin: `${host}:9090`, prefix }
      return Roomd.start({ args, program, env: options, ...where })
    }
  }

  get address() {
    return `${this.host}:8080`
  }

  get id() {
    return /node=(\S+)/.exec(this.#roomd.log)[1]
  }

  get log() {
    return this.#roomd?.log ?? ''
  }

  get roomd() {
    return this.#roomd
  }

  /* `args` are more options, `program` another build. */
  async start({ args = [], program = BINARY } = {}) {
    const all = ['--workers', `${this.workers}`, ...args]
    if (this.#roomd) {
      await this.#roomd.start(all, program)
    } else {
      this.#roomd = await this.#start(all, program)
    }
    this.isUp = true
  }

  pids() {
    return [this.#roomd.pid, ...this.#roomd.pids()]
  }

  freeze() {
    this.pids().forEach((pid) => kill(pid, 'SIGSTOP'))
  }

  wake() {
    this.pids().reverse().forEach((pid) => kill(pid, 'SIGCONT'))
  }

  /* All processes at once. */
  async kill() {
    this.isUp = false
    await this.#roomd.kill()
  }

  /* As an operator stops it. Returns the exit status. */
  async stop() {
    this.isUp = false
    const { code } = await this.#roomd.stop()
    return code
  }

  async get(path) {
    return this.#roomd.get(path, { signal: AbortSignal.timeout(ANSWER_MS) })
  }

  /* Clients of it. A check of the balancer is a connection too, for a moment. */
  async connections() {
    let fewest = Infinity
    for (let i = 0; i < 3; i++) {
      const text = await (await this.get('/metrics')).text()
      const lines = [...text.matchAll(/^roomd_connections\{.*\} (\d+)$/gm)]
      fewest = Math.min(fewest, lines.reduce((sum, [, count]) => sum + Number(count), 0))
    }
    return fewest
  }

  async #isWell() {
    const names = childrenOf(this.#roomd.pid).map(([name]) => name.split('-')[0])
    const count = (role) => names.filter((name) => name === role).length
    const { workers, gateways } = this
    return count('worker') === workers && count('gateway') === gateways && (await this.get('/readyz')).ok
  }

  isWell() {
    return until(`${this.name} well`, () => this.#isWell(), WELL_MS)
  }

  async finish() {
    this.#roomd?.isRunning && (await this.#roomd.kill())
    await this.#roomd?.finish()
  }
}

/* Makes nodes. */
export class Nodes {
  #hosts
  #redis
  #more
  #folder
  #secret
  all = []

  /* `more` are options of all of them. */
  static async create(hosts, redis, more) {
    const nodes = new Nodes()
    nodes.#hosts = hosts
    nodes.#redis = redis
    nodes.#more = more
    nodes.#folder = await temporaryFolder()
    nodes.#secret = join(nodes.#folder, 'secret')
    await writeFile(nodes.#secret, `${randomBytes(32).toString('base64')}\n`)
    await chmod(nodes.#secret, 0o600)
    return nodes
  }

  /* One machine more, with nothing on it yet. */
  async add() {
    const name = `roomd-${this.all.length + 1}`
    await this.#hosts.add(name)
    const options = shippedOptions(name)
    Object.assign(options, this.#more, { ROOMD_REDIS: this.#redis.url, ROOMD_CLUSTER_SECRET_FILE: this.#secret })
    const node = new Node(name, this.#hosts.address(name), this.#hosts.prefix(name), options)
    this.all.push(node)
    return node
  }

  get up() {
    return this.all.filter(({ isUp }) => isUp)
  }

  byId(id) {
    return this.up.find((node) => node.id === id)
  }

  async stop() {
    await Promise.all(this.all.map((node) => node.finish()))
    await removeFolder(this.#folder)
  }
}
