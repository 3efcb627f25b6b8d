/* A redis-server that is not roomd's: an operator's, or one that looks into roomd's files. */
import { join } from 'node:path'
import { startProcess } from './processes.js'
import { Redis } from './redis.js'
import { removeFolder, temporaryFolder } from './roomd.js'
import { soon, until } from './wait.js'

const SOCKET = 'external.sock'

export class RedisServer {
  #child
  #own = null // our temporary folder
  folder
  port

  /* `folder` holds its files; without one a temporary one does. `port` 0: only a Unix socket. */
  static async start({ folder, port = 0, args = [] } = {}) {
    const server = new RedisServer()
    server.#own = await temporaryFolder()
    server.folder = folder ?? server.#own
    server.port = port
    const where = [
      '--port',
      port,
      '--bind',
      '127.0.0.1',
      '--unixsocket',
      server.socket,
      '--dir',
      server.folder,
    ]
    const how = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--logfile', '', ...args]
    server.#child = startProcess('redis-server', [...where, ...how].map(String), { stdio: 'ignore' })
    await until('a redis-server', async () => {
      const redis = await server.connect()
      const reply = await redis.text('PING').catch((error) => error.message)
      redis.close()
      return /^PONG|NOAUTH/.test(reply)
    })
    return server
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

  async stop() {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await soon('the end of redis-server', gone)
    await removeFolder(this.#own)
  }
}
