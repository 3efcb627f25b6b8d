/* HAProxy on a machine of its own, with the shipped configuration. Where a fourth node is to be known, a line
 * is added and the file is read again, as an operator does it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DEPLOY } from '../../deploy/lib/files.js'
import { kill, startProcess } from '../../e2e/lib/processes.js'
import { removeFolder, temporaryFolder } from '../../e2e/lib/roomd.js'
import { until } from '../../e2e/lib/wait.js'

const NAME = 'haproxy'
const CONNECTIONS = 2000 // enough here, and for those who may not open more descriptors
const SHIPPED = 3 // servers in the file

export class Balancer {
  #child
  #folder
  #path
  #host
  log = ''

  /* `nodes`: the addresses of the first three, which need not be there yet. */
  static async start(hosts, nodes) {
    const balancer = new Balancer()
    await hosts.add(NAME)
    balancer.#host = hosts.address(NAME)
    balancer.#folder = await temporaryFolder()
    balancer.#path = join(balancer.#folder, 'haproxy.cfg')
    await writeFile(balancer.#path, await readFile(join(DEPLOY, 'haproxy.cfg')))
    const servers = nodes.slice(0, SHIPPED).map((address, i) => [`ROOMD_${i + 1}`, address])
    const env = { ...process.env, ...Object.fromEntries(servers) }
    const args = ['haproxy', '-W', '-db', '-n', `${CONNECTIONS}`, '-f', balancer.#path]
    const [program, ...rest] = [...hosts.prefix(NAME), ...args]
    balancer.#child = startProcess(program, rest, { env })
    for (const stream of [balancer.#child.stdout, balancer.#child.stderr]) {
      stream.on('data', (bytes) => (balancer.log += bytes))
    }
    return balancer
  }

  get address() {
    return `${this.#host}:8080`
  }

  /* What it thinks of each server: "UP", "DOWN", ... by name. */
  async states() {
    const signal = AbortSignal.timeout(1000)
    const text = await (await fetch(`http://${this.#host}:8404/;csv`, { signal })).text()
    const lines = text.split('\n').map((line) => line.split(','))
    const at = lines[0].indexOf('status')
    const servers = lines.filter(([proxy, server]) => proxy === 'nodes' && server !== 'BACKEND')
    return Object.fromEntries(servers.map((words) => [words[1], words[at]]))
  }

  /* Once it sends clients to that many nodes. */
  knows(count) {
    return until(`HAProxy with ${count} nodes`, async () => {
      const states = Object.values(await this.states())
      return states.filter((state) => state.startsWith('UP')).length === count
    })
  }

  /* One server more, with all that the others have, if it is not known yet. */
  async learn(name, address) {
    const text = await readFile(this.#path, 'utf8')
    if (text.includes(` server ${name} `)) {
      return
    }
    const another = (last, rest) => `${last}    server ${name} ${address} ${rest}\n`
    await writeFile(this.#path, text.replace(/^ +server roomd-3 \S+ (.*)\n/m, another))
    kill(this.#child.pid, 'SIGUSR2')
    await until('HAProxy with the new file', async () => name in (await this.states()))
  }

  async stop() {
    kill(this.#child.pid)
    await removeFolder(this.#folder)
  }
}
