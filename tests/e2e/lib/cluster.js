/* Several nodes that share one Redis, on one machine: each has its own loopback address, so that what is
 * between two of them can be taken away. */
import { randomBytes } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { Client } from './client.js'
import { keyOf } from './redis.js'
import { RedisServer } from './redis_server.js'
import { Roomd } from './roomd.js'
import { until } from './wait.js'

export const newSecret = () => randomBytes(32).toString('base64')

export class Cluster {
  #redis
  nodes = []

  static async start({ nodes = 2, secret = newSecret(), args = [] } = {}) {
    const cluster = new Cluster()
    cluster.#redis = await RedisServer.start()
    cluster.secret = secret
    try {
      for (let i = 0; i < nodes; i++) {
        await cluster.add({ args })
      }
    } catch (error) {
      await cluster.finish()
      throw error
    }
    return cluster
  }

  get redis() {
    return this.#redis
  }

  /* One node more. `secret` is what is in its file, `host` where it listens for others. */
  async add({ secret = this.secret, args = [], host = '127.0.0.1' } = {}) {
    const file = await this.writeSecret(`secret-${this.nodes.length}`, secret)
    const own = ['--redis', `unix://${this.#redis.socket}`, '--cluster-listen', `${host}:0`]
    const roomd = await Roomd.start({ args: [...own, '--cluster-secret-file', file, ...args] })
    roomd.secretFile = file
    roomd.id = /node=(\S+)/.exec(roomd.log)[1]
    this.nodes.push(roomd)
    return roomd
  }

  async writeSecret(name, secret) {
    const file = join(this.#redis.folder, name)
    await writeFile(file, `${secret}\n`)
    await chmod(file, 0o600)
    return file
  }

  async ask(...command) {
    const redis = await this.#redis.connect()
    try {
      return await redis.text(...command)
    } finally {
      redis.close()
    }
  }

  async hash(key) {
    const redis = await this.#redis.connect()
    try {
      return await redis.hash(key)
    } finally {
      redis.close()
    }
  }

  /* {owner, node, epoch} */
  async ownerOf(room) {
    const { owner, node, epoch } = await this.hash(keyOf(room))
    return { owner, node, epoch: Number(epoch) }
  }

  /* Where other nodes reach a worker. */
  async remoteOf(worker) {
    return (await this.hash(`roomd:worker:${worker}`)).remote
  }

  /* The name of the owner's slot, such as "worker-1". */
  async slotOf(room) {
    const { owner } = await this.ownerOf(room)
    return `worker-${/-w(\d+)-/.exec(owner)[1]}`
  }

  /* A client of that node in a room that it is the first of, so that the node owns it. */
  async clientOfOwner(roomd, room, options) {
    const client = await Client.connect(roomd, room, options)
    const { node } = await this.ownerOf(room)
    if (node !== roomd.id) {
      throw new Error(`${room} is owned by ${node}, not by ${roomd.id}`)
    }
    return client
  }

  async finish() {
    const ends = await Promise.allSettled(this.nodes.map((roomd) => roomd.finish()))
    await this.#redis.stop()
    const failed = ends.find(({ status }) => status === 'rejected')
    if (failed) {
      throw failed.reason
    }
  }
}

export async function withCluster(options, body) {
  const cluster = await Cluster.start(options)
  try {
    await body(cluster, ...cluster.nodes)
  } finally {
    await cluster.finish()
  }
}

/* {host, port} of where other nodes reach a worker. */
export function targetOf(remote) {
  const [, host, port] = /^t(?:cp|ls):(.*):(\d+)$/.exec(remote)
  return { host, port }
}

/* What lies between a worker and the address by which others know it. */
export class Wire {
  #server
  #pairs = new Set()
  seen = Buffer.alloc(0) // all bytes that went over it
  said = Buffer.alloc(0) // of these, what those who connected said

  /* `remote` as a worker shows it; the worker listens at the same port of `host`. */
  static async open(remote, host) {
    const { host: name, port } = targetOf(remote)
    const wire = new Wire()
    wire.#server = createServer((near) => wire.#connect(near, { host, port }))
    await new Promise((resolve) => wire.#server.listen(port, name, resolve))
    return wire
  }

  #connect(near, target) {
    const far = createConnection(target)
    const pair = [near, far]
    this.#pairs.add(pair)
    const end = () => {
      pair.forEach((side) => side.destroy())
      this.#pairs.delete(pair)
    }
    for (const [from, to] of [pair, [far, near]]) {
      from.on('data', (bytes) => {
        this.seen = Buffer.concat([this.seen, bytes])
        from === near && (this.said = Buffer.concat([this.said, bytes]))
        to.write(bytes)
      })
      from.on('close', end)
      from.on('error', end)
    }
  }

  /* Nobody gets through any more, and who was through is cut off. */
  async cut() {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#pairs.forEach(([near]) => near.destroy())
    await closed
  }
}

/* What a node says first that knows no secret. */
export const HAIL = Buffer.concat([
  Buffer.from('roomd-link\x01\x01\x01\x02', 'latin1'),
  Buffer.alloc(32, 7),
  Buffer.from('\x01x\x01y\x01z', 'latin1'),
])

/* Somebody who says something to where a worker listens: what it is told until it is hung up on. */
export async function talkTo(remote, bytes) {
  const socket = createConnection(targetOf(remote))
  let told = Buffer.alloc(0)
  let ended = false
  socket.on('data', (more) => (told = Buffer.concat([told, more])))
  socket.on('close', () => (ended = true))
  socket.on('error', () => (ended = true))
  socket.write(bytes)
  await until('to be hung up on', () => ended)
  return told
}
