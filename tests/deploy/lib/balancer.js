/* HAProxy and nginx with the shipped configuration, in front of nodes on this machine. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isRunning, startProcess } from '../../e2e/lib/processes.js'
import { removeFolder, temporaryFolder } from '../../e2e/lib/roomd.js'
import { soon, until } from '../../e2e/lib/wait.js'
import { DEPLOY, read } from './files.js'
import { freePorts } from './ports.js'

const NOBODY = '127.0.0.1:1' // nothing listens there
const CONNECTIONS = 2000 // enough for tests, and for those who may not open more descriptors

/* The shipped nginx.conf, with its own files in a folder: nginx knows no variables. */
export function nginxConf(folder) {
  const uses = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const paths = uses.map((use) => `    ${use}_temp_path ${folder}/${use};\n`).join('')
  return read('nginx.conf')
    .replace(/^pid .*$/m, `pid ${folder}/nginx.pid;`)
    .replace(/^http \{\n/m, (line) => line + paths)
}

export const nginxArgs = (path) => ['-e', 'stderr', '-c', path]

export class Balancer {
  #child
  #folder
  log = ''
  address // HOST:PORT for clients
  stats // likewise

  /* `addresses` of two nodes; the third of the configuration is not there. */
  static async start(kind, addresses) {
    const balancer = new Balancer()
    balancer.#folder = await temporaryFolder()
    const [clients, stats] = await freePorts(2)
    balancer.address = `127.0.0.1:${clients}`
    balancer.stats = `127.0.0.1:${stats}`
    const servers = [...addresses, NOBODY].slice(0, 3)
    const [program, args, env] = await balancer[kind](servers)
    balancer.#child = startProcess(program, args, { env: { ...process.env, ...env } })
    for (const stream of [balancer.#child.stdout, balancer.#child.stderr]) {
      stream.on('data', (bytes) => (balancer.log += bytes))
    }
    await until(
      `${kind} with a node behind it`,
      async () => (await fetch(`http://${balancer.address}/readyz`)).ok,
    )
    return balancer
  }

  get ws() {
    return `ws://${this.address}`
  }

  haproxy(servers) {
    const named = servers.map((address, i) => [`ROOMD_${i + 1}`, address])
    const env = { CLIENTS: this.address, STATS: this.stats, ...Object.fromEntries(named) }
    return ['haproxy', ['-db', '-n', String(CONNECTIONS), '-f', join(DEPLOY, 'haproxy.cfg')], env]
  }

  async nginx(servers) {
    const path = join(this.#folder, 'nginx.conf')
    const text = servers
      .reduce((text, address, i) => text.replaceAll(`roomd-${i + 1}:8080`, address), nginxConf(this.#folder))
      .replace('listen 8080', `listen ${this.address}`)
      .replace(/^worker_rlimit_nofile .*$/m, '')
      .replace(/worker_connections \d+/, `worker_connections ${CONNECTIONS}`)
    await writeFile(path, text)
    return ['nginx', [...nginxArgs(path), '-g', 'daemon off;'], {}]
  }

  async stop() {
    if (isRunning(this.#child)) {
      const gone = new Promise((resolve) => this.#child.once('exit', resolve))
      this.#child.kill('SIGTERM')
      await soon('the end of the balancer', gone)
    }
    await removeFolder(this.#folder)
  }
}
