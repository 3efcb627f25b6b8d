/* A Unix socket in front of another one, for networks that are slow or gone. */
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { removeFolder, temporaryFolder } from './roomd.js'

export class Proxy {
  #folder
  #server
  #pairs = new Set()
  target // where new connections go
  delay = 0 // ms that each byte is under way, in both directions
  open = true // false: what is sent gets lost, and so do attempts to connect

  static async start(target) {
    const proxy = new Proxy()
    proxy.target = target
    proxy.#folder = await temporaryFolder()
    proxy.#server = createServer((near) => proxy.#connect(near))
    await new Promise((resolve) => proxy.#server.listen(proxy.socket, resolve))
    return proxy
  }

  get socket() {
    return join(this.#folder, 'proxy.sock')
  }

  #connect(near) {
    const pair = { near, far: createConnection(this.target) }
    this.#pairs.add(pair)
    this.#carry(pair.near, pair.far)
    this.#carry(pair.far, pair.near)
    const end = () => {
      near.destroy()
      pair.far.destroy()
      this.#pairs.delete(pair)
    }
    for (const side of [near, pair.far]) {
      side.on('close', end)
      side.on('error', end)
    }
  }

  /* Timers of one length fire in order, so bytes stay in order while `delay` does not change. */
  #carry(from, to) {
    from.on('data', (bytes) => setTimeout(() => this.open && to.write(bytes), this.delay))
  }

  /* Ends all connections that there are. */
  cut() {
    this.#pairs.forEach(({ near }) => near.destroy())
  }

  async stop() {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
    await removeFolder(this.#folder)
  }
}
