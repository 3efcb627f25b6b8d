/* The servers that are compared. Each is started afresh for a measurement, on a port of its own choice,
 * and gone after it. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cpuOf, memoryOf, processTree, startProcess, stopTree } from './processes.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
export const BUILD = process.env.BENCH_BUILD ?? join(ROOT, 'build/bench')
export const ORIGINAL = fileURLToPath(new URL('../original', import.meta.url))
const SCHEMA_FILE = join(ROOT, 'deploy/schema/tldraw.schema')
const START_MS = 30000

/* ROOMD_* variables are options of roomd. */
const ENV = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ROOMD_')))

export class Server {
  #child
  #folder
  name // as in the tables
  port
  encoding = 'json'
  isFloor = false
  log = '' // the last of it
  admin // roomd: where it says figures of itself

  get pid() {
    return this.#child.pid
  }

  cpu() {
    return cpuOf(this.pid)
  }

  memory() {
    return memoryOf(this.pid)
  }

  /* A metric of roomd's processes, as each says of itself: {name: value}; empty for others. */
  async metric(metric) {
    const text = this.admin ? await (await fetch(`http://${this.admin}/metrics`)).text() : ''
    const lines = text.matchAll(new RegExp(`^${metric}\\{process="([^"]+)".*\\} (\\S+)$`, 'gm'))
    return Object.fromEntries([...lines].map(([, name, value]) => [name, Number(value)]))
  }

  /* Bytes that they have allocated and not freed. */
  heaps() {
    return this.metric('roomd_heap_bytes')
  }

  /* The pid of the process of that name. */
  child(name) {
    return processTree(this.pid).find((one) => one.name === name)?.pid
  }

  /* `command` gets the server's own folder and says {program, args}; a line that matches `ready` has
   * the port as its first group. `pin`: the processor that it is kept on. */
  static async launch(name, command, ready, { pin, ...fields } = {}) {
    const server = Object.assign(new Server(), { name, ...fields })
    server.#folder = await mkdtemp(join(tmpdir(), 'roomd-bench-'))
    const { program, args } = command(server.#folder)
    const line = pin === undefined ? [program, ...args] : ['taskset', '-c', String(pin), program, ...args]
    const began = performance.now()
    server.#child = startProcess(line[0], line.slice(1), {
      env: { ...ENV, NODE_ENV: 'production' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    server.port = Number(await server.#firstMatch(ready))
    server.startMs = performance.now() - began
    return server
  }

  #firstMatch(pattern) {
    return new Promise((resolve, reject) => {
      let text = ''
      const late = setTimeout(() => reject(new Error(`${this.name} is not ready\n${this.log}`)), START_MS)
      this.#child.stdout.on('data', (bytes) => {
        text += bytes
        const match = pattern.exec(text)
        if (match) {
          clearTimeout(late)
          resolve(match[1])
        }
      })
      this.#child.stderr.on('data', (bytes) => {
        this.log = (this.log + bytes).slice(-20000)
        this.admin ??= /ready .*admin=(\S+)/.exec(this.log)?.[1]
      })
      this.#child.once('error', reject)
      this.#child.once('exit', (code) => reject(new Error(`${this.name} ended (${code})\n${this.log}`)))
    })
  }

  async stop() {
    await stopTree(this.#child)
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/* One worker, one gateway: what is compared is one core's work. `args` are more options of roomd. */
export function roomd({ name = 'roomd', encoding = 'json', args = [], schema = true, pin } = {}) {
  const command = (folder) => ({
    program: join(BUILD, 'cmd/roomd/roomd'),
    args: [
      ...['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--data', folder],
      ...['--workers', '1', '--gateways', '1', ...(schema ? ['--schema', SCHEMA_FILE] : []), ...args],
    ],
  })
  return Server.launch(name, command, /^roomd ready on http:\/\/[\d.]+:(\d+)$/m, { encoding, pin })
}

/* A Redis that is nobody's child, as safe as roomd's own; it listens on a socket: `url`. */
export async function redis() {
  let url
  const command = (folder) => {
    url = `unix://${join(folder, 'redis.sock')}`
    return {
      program: 'redis-server',
      args: ['--port', '0', '--unixsocket', join(folder, 'redis.sock'), '--dir', folder, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always'],
    }
  }
  const server = await Server.launch('redis', command, /(ready to accept connections)/i)
  return Object.assign(server, { url })
}

/* Several nodes that share a Redis, each with one worker and one gateway, as one server: its clients go
 * round the nodes, and so do its rooms. */
export async function cluster({ nodes, args = [] }) {
  const store = await redis()
  const folder = await mkdtemp(join(tmpdir(), 'roomd-bench-'))
  const secret = join(folder, 'secret')
  await writeFile(secret, randomBytes(32).toString('base64'), { mode: 0o600 })
  const each = [
    ...['--redis', store.url, '--cluster-listen', '127.0.0.1:0', '--cluster-secret-file', secret],
    ...['--rebalance', 'off', ...args],
  ]
  const started = []
  for (let i = 0; i < nodes; i++) {
    started.push(await roomd({ name: `node-${i + 1}`, args: each }))
  }
  const all = [...started, store]
  const sum = (maps) => {
    const summed = new Map()
    maps.forEach((map) => map.forEach((value, name) => summed.set(name, (summed.get(name) ?? 0) + value)))
    return summed
  }
  return {
    name: `${nodes} nodes`,
    encoding: 'json',
    isFloor: false,
    port: started[0].port,
    ports: started.map(({ port }) => port),
    get log() {
      return all.map(({ log }) => log).join('')
    },
    cpu: () => sum(all.map((one) => one.cpu())),
    memory: () => ({ total: all.reduce((bytes, one) => bytes + one.memory().total, 0) }),
    async stop() {
      for (const one of all) {
        await one.stop()
      }
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export function original({ name = 'original', sqlite = false, pin } = {}) {
  const command = (folder) => ({
    program: process.execPath,
    args: ['--expose-gc', join(ORIGINAL, 'server.mjs'), ...(sqlite ? ['--sqlite', folder] : [])],
  })
  return Server.launch(name, command, /^ready on [\d.]+:(\d+)$/m, { pin })
}

/* `patchBytes`: of an update in its frames. */
export function floor({ name = 'floor', patchBytes, pin } = {}) {
  const args = patchBytes ? ['--patch-bytes', String(patchBytes)] : []
  const command = () => ({ program: join(BUILD, 'tests/bench/floor/bench_floor'), args })
  return Server.launch(name, command, /^ready on [\d.]+:(\d+)$/m, { isFloor: true, pin })
}
