/* Machines on one machine: network namespaces, each joined by a veth pair to one bridge, with an address
 * and a name of its own. The process that calls this is on the bridge, and is where clients are.
 *
 * Whatever is taken away between two machines is taken away as a network does it: packets are lost, and
 * nobody is told. It must run in namespaces of its own (../run): it cleans up nothing. */
import { execFile } from 'node:child_process'
import { appendFileSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { kill, startProcess } from '../../e2e/lib/processes.js'
import { until } from '../../e2e/lib/wait.js'

const run = promisify(execFile)
const NET = '10.77.0'
const BRIDGE = 'switch'
const CLIENTS = `${NET}.1`
const WIRE = fileURLToPath(new URL('wire.py', import.meta.url))

const ip = (text) => run('ip', text.split(' '))
/* Several, with as little time between them as can be. */
const ipAtOnce = async (...texts) => {
  const done = run('ip', ['-batch', '-'])
  done.child.stdin.end(`${texts.join('\n')}\n`)
  await done
}

/* Whether somebody there says that nobody listens. */
function isInReach(host) {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port: 1 })
    socket.on('error', ({ code }) => resolve(code === 'ECONNREFUSED'))
  })
}

const on = (name) => ['netns', 'exec', name]

export class Hosts {
  #addresses = new Map()
  #wires = new Map() // name to its process
  wiredBy = 'nothing' // what makes links slow

  static async create() {
    const hosts = new Hosts()
    /* An address of its own, or it takes one of its ports', and another one when that leaves. */
    await ip(`link add ${BRIDGE} address 02:00:0a:4d:00:01 type bridge`)
    await ip(`link set ${BRIDGE} up`)
    await ip(`addr add ${CLIENTS}/24 dev ${BRIDGE}`)
    return hosts
  }

  /* One machine more, which all can reach by its name. */
  async add(name) {
    const address = `${NET}.${this.#addresses.size + 2}`
    this.#addresses.set(name, address)
    appendFileSync('/etc/hosts', `${address} ${name}\n`)
    await ip(`netns add ${name}`)
    await ip(`link add p-${name} type veth peer name eth0 netns ${name}`)
    await ip(`link set p-${name} master ${BRIDGE} up`)
    await ip(`-n ${name} link set lo up`)
    await ip(`-n ${name} addr add ${address}/24 dev eth0`)
    await ip(`-n ${name} link set eth0 up`)
    const deaf = 'set deaf { type ipv4_addr; };'
    const chain = 'chain in { type filter hook input priority 0; ip saddr @deaf drop; };'
    await run('ip', [...on(name), 'nft', `table inet cut { ${deaf} ${chain} }`])
  }

  /* All of them are gone; nothing may run there any more. */
  async end() {
    for (const name of this.#addresses.keys()) {
      await ip(`link del p-${name}`) // the kernel takes its time for what is in a namespace
      await ip(`netns del ${name}`)
    }
    await ip(`link del ${BRIDGE}`)
    writeFileSync('/etc/hosts', '127.0.0.1 localhost\n')
  }

  address(name) {
    return this.#addresses.get(name)
  }

  /* What a command line begins with that is to run there. */
  prefix(name) {
    return ['ip', ...on(name)]
  }

  // ---- what is between them ----

  async #deaf(verb, name, to) {
    await run('ip', [...on(name), 'nft', `${verb} element inet cut deaf { ${this.address(to)} }`])
  }

  /* The first does not hear the other any more, which hears it. */
  deafen(name, to) {
    return this.#deaf('add', name, to)
  }

  undeafen(name, to) {
    return this.#deaf('delete', name, to)
  }

  /* Neither hears the other any more. */
  async cut(a, b) {
    await Promise.all([this.#deaf('add', a, b), this.#deaf('add', b, a)])
  }

  async heal(a, b) {
    await Promise.all([this.#deaf('delete', a, b), this.#deaf('delete', b, a)])
  }

  /* Nobody hears it, and it hears nobody. */
  unplug(name) {
    return ip(`link set p-${name} down`)
  }

  /* Once it is there again, which takes a bridge a moment. It knows no more whom it did not find meanwhile, as
   * after a start. */
  async plug(name) {
    await ip(`link set p-${name} up`)
    await ip(`-n ${name} neigh flush dev eth0`)
    await until(`${name} in reach`, () => isInReach(this.address(name)))
  }

  /* Everything to and from it comes late, by `ms` each way and up to `jitter` more, and `loss` percent of it
   * never: with the kernel's netem, or where the kernel has none with a program in the middle. */
  async slow(name, { ms, jitter, loss }) {
    const netem = ['netem', 'delay', `${ms}ms`, `${jitter}ms`, 'loss', `${loss}%`]
    const add = ['qdisc', 'replace', 'dev']
    try {
      await run('tc', [...add, `p-${name}`, 'root', ...netem])
      await run('ip', [...on(name), 'tc', ...add, 'eth0', 'root', ...netem])
      this.wiredBy = 'netem'
    } catch (error) {
      if (!/qdisc kind is unknown/.test(error.stderr)) {
        throw error
      }
      await this.#wire(name, [ms, jitter, loss])
      this.wiredBy = 'wire.py, for this kernel has no netem'
    }
  }

  async speedUp(name) {
    if (this.#wires.has(name)) {
      await ipAtOnce(`link set x-${name} down`, `link set p-${name} master ${BRIDGE} arp on`)
      kill(this.#wires.get(name).pid)
      this.#wires.delete(name)
      await ip(`link del w-${name}`)
    } else {
      await run('tc', ['qdisc', 'del', 'dev', `p-${name}`, 'root'])
      await run('ip', [...on(name), 'tc', 'qdisc', 'del', 'dev', 'eth0', 'root'])
    }
  }

  /* Its port leaves the bridge, and a pair of others with a program between takes its place. */
  async #wire(name, how) {
    await ip(`link add w-${name} type veth peer name x-${name}`)
    await ip(`link set x-${name} master ${BRIDGE}`)
    await ip(`link set w-${name} arp off up`)
    const args = [WIRE, `p-${name}`, `w-${name}`, ...how].map(String)
    const child = startProcess('python3', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#wires.set(name, child)
    let said = ''
    child.stdout.on('data', (bytes) => (said += bytes))
    await until('a wire', () => said.includes('ready'))
    await ipAtOnce(`link set p-${name} nomaster arp off`, `link set x-${name} up`)
  }
}
