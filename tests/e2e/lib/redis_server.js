/* A redis-server that is not roomd's: an operator's, or one that looks into roomd's files. */
import { join } from 'node:path'
import { isRunning, startProcess } from './processes.js'
import { Redis } from './redis.js'
import { removeFolder, temporaryFolder } from './roomd.js'
import { soon, until } from './wait.js'

const SOCKET = 'external.sock'

export class RedisServer {
  #child
  #own = null // our temporary folder
  #args
  folder
  port

  /* `folder` holds its files; without one a temporary one does. `port` 0: only a Unix socket. */
  static async start({ folder, port = 0, args = [] } = {}) {
    const server = new RedisServer()
    server.#own = await temporaryFolder()
    server.folder = folder ?? server.#own
    server.port = port
    server.#args = args
    await server.run()
    return server
  }

  /* Starts it, also again after it has ended. */
  async run() {
    const where = [
      '--port',
      this.port,
      '--bind',
      '127.0.0.1',
      '--unixsocket',
      this.socket,
      '--dir',
      this.folder,
    ]
    const how = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--logfile', '']
    const args = [...where, ...how, ...this.#args].map(String)
    this.#child = startProcess('redis-server', args, { stdio: 'ignore' })
    await until('a redis-server', async () => {
      const redis = await this.connect()
      const reply = await redis.text('PING').catch((error) => error.message)
      redis.close()
      return /^PONG|NOAUTH/.test(reply)
    })
  }

  get socket() {
    return join(this.#own, SOCKET)
  }

  get pid() {
    return this.#child.pid
  }

  connect() {
    return Redis.connect({ path: this.socket })
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

  async end(signal) {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill(signal)
    await soon('the end of redis-server', gone)
  }

  async stop() {
    if (isRunning(this.#child)) {
      await this.end('SIGKILL')
    }
    await removeFolder(this.#own)
  }
}
