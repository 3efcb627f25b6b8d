/* One roomd under test: started on ports of its own choice, and after that always on the same ones, so
 * that clients find it again. */
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { allGone, childrenOf, isRunning, kill, startProcess } from './processes.js'
import { Redis } from './redis.js'
import { PATIENCE_MS, soon, until } from './wait.js'

export const BINARY =
  process.env.ROOMD_BIN ?? fileURLToPath(new URL('../../../build/test/cmd/roomd/roomd', import.meta.url))
const STOP_MS = PATIENCE_MS

/* ROOMD_* variables are options of roomd, and unknown ones an error: those of the tests stay here. */
const ENV = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ROOMD_')))

function launch(args, env, program = BINARY, prefix = []) {
  const [first, ...rest] = [...prefix, program, ...args]
  const child = startProcess(first, rest, { env: { ...ENV, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (bytes) => (output.stdout += bytes))
  child.stderr.on('data', (bytes) => (output.stderr += bytes))
  /* 'close' comes after the last byte of output, which may be later than 'exit'. */
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, ...output }))
  })
  return { child, output, ended }
}

export function temporaryFolder(parent = tmpdir()) {
  return mkdtemp(join(parent, 'roomd-e2e-'))
}

export function removeFolder(path) {
  return rm(path, { recursive: true, force: true, maxRetries: 5 })
}

/* Runs a roomd that is expected to end by itself. */
export function runToEnd(args, env = {}) {
  const { ended } = launch(args, env)
  return soon(`the end of roomd ${args.join(' ')}`, ended)
}

export class Roomd {
  #process = null
  #options
  #redis = null
  #record = null
  data = null
  address = '127.0.0.1:0' // HOST:PORT, once started
  admin = '127.0.0.1:0'
  log = '' // all that was written to stderr, over all starts

  /* `args` are more options, `env` more variables, `program` another roomd, `disk` a folder for its
   * data directory. With `listen` and `admin` the ports are given, and with `prefix` what the command line
   * begins with: it must become roomd, and not start it. */
  static async start({ args = [], env = {}, program = BINARY, disk, prefix, listen, admin } = {}) {
    const roomd = new Roomd()
    roomd.#options = { args, env, program, prefix }
    roomd.address = listen ?? roomd.address
    roomd.admin = admin ?? roomd.admin
    roomd.data = await temporaryFolder(disk)
    if (process.env.E2E_LOGS) {
      roomd.#record = createWriteStream(join(process.env.E2E_LOGS, `${basename(roomd.data)}.log`))
      roomd.#record.write(`${process.argv[1]} ${args.join(' ')}\n`)
    }
    await roomd.start()
    return roomd
  }

  get http() {
    return `http://${this.address}`
  }

  get ws() {
    return `ws://${this.address}`
  }

  get pid() {
    return this.#process.child.pid
  }

  /* Once it has ended. `args` and `program` take the place of those that it had. */
  async start(args = this.#options.args, program = this.#options.program) {
    Object.assign(this.#options, { args, program })
    const own = ['--listen', this.address, '--admin', this.admin, '--data', this.data]
    const { env, prefix } = this.#options
    this.#process = launch([...own, '--workers', '2', ...args], env, program, prefix)
    const { child, output, ended } = this.#process
    child.stderr.on('data', (bytes) => {
      this.log += bytes
      this.#record?.write(bytes)
    })
    const early = ended.then(({ code, signal, stderr }) => {
      throw new Error(`roomd ended (${code ?? signal}) before it was ready\n${stderr}`)
    })
    early.catch(() => {})
    const ready = until('roomd ready', () => {
      const listen = /^roomd ready on http:\/\/(\S+)$/m.exec(output.stdout)
      const admin = / ready .*admin="?([^" ]+)/.exec(output.stderr)
      return listen && admin && { address: listen[1], admin: admin[1] }
    })
    try {
      const { address, admin } = await Promise.race([ready, early])
      this.address = address
      this.admin = admin
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
  }

  /* As an operator stops it. The end is {code, signal, stdout, stderr}. */
  async stop(signal = 'SIGTERM') {
    this.#process.child.kill(signal)
    return this.ended()
  }

  ended() {
    return soon('the end of roomd', this.#process.ended, STOP_MS)
  }

  get isRunning() {
    return this.#process && isRunning(this.#process.child)
  }

  /* As a power cut stops it: everything at once. */
  async kill() {
    const pids = [this.pid, ...this.children().values()]
    pids.forEach((pid) => kill(pid))
    await this.ended()
    await allGone(pids)
  }

  /* Map of "redis", "worker-1", "gateway-1"... to pid. */
  children() {
    return new Map(childrenOf(this.pid))
  }

  /* The pids of all, also where a slot has two. */
  pids() {
    return childrenOf(this.pid).map(([, pid]) => pid)
  }

  /* The pid of one child, which may be just starting. */
  child(name) {
    return until(`a process ${name}`, () => this.children().get(name))
  }

  /* Kills one child, and waits until another has taken its place. */
  async replace(name) {
    const old = await this.child(name)
    kill(old)
    await until(`a new ${name}`, () => (this.children().get(name) ?? old) !== old)
  }

  /* A connection to its own Redis; the same one until that Redis is gone. */
  async redis() {
    if (!this.#redis) {
      const redis = await until('a connection to Redis', () =>
        Redis.connect({ path: join(this.data, 'redis.sock') }),
      )
      this.#redis = redis
    }
    return this.#redis
  }

  /* After Redis was killed or started again. */
  forgetRedis() {
    this.#redis?.close()
    this.#redis = null
  }

  get(path, options = {}) {
    return fetch(`http://${this.admin}${path}`, { signal: AbortSignal.timeout(PATIENCE_MS), ...options })
  }

  logged(what, pattern) {
    return until(`${what} in the log`, () => pattern.exec(this.log))
  }

  async finish() {
    this.forgetRedis()
    try {
      if (this.isRunning) {
        const { code, signal } = await this.stop()
        if (code !== 0) {
          throw new Error(`SIGTERM ended roomd with ${code ?? signal}\n${this.log}`)
        }
      }
    } finally {
      if (this.isRunning) {
        await this.kill()
      }
      this.#record?.end()
      await removeFolder(this.data)
    }
  }
}

/* For as long as `body` runs. */
export async function withRoomd(options, body) {
  const roomd = await Roomd.start(options)
  try {
    await body(roomd)
  } catch (error) {
    await roomd.finish().catch(() => {}) // what went wrong first is what matters
    throw error
  }
  await roomd.finish()
}
