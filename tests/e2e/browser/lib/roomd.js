/* One roomd under test: started on a port of its own choice, and after that always on the same one,
 * so that clients find it again. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BINARY =
  process.env.ROOMD_BIN ??
  fileURLToPath(new URL('../../../../build/cmd/roomd/roomd', import.meta.url))
/* Variables called ROOMD_... would be options of the server, or errors. */
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('ROOMD_')),
)
const START_MS = 30000
const STOP_MS = 30000

export class Roomd {
  #child = null
  #data = null
  #output = ''
  address = '127.0.0.1:0' // HOST:PORT, once started

  static async start() {
    const roomd = new Roomd()
    roomd.#data = await mkdtemp(join(tmpdir(), 'roomd-browser-'))
    await roomd.start()
    return roomd
  }

  get http() {
    return `http://${this.address}`
  }

  get ws() {
    return `ws://${this.address}`
  }

  async start() {
    const args = [
      '--listen',
      this.address,
      '--admin',
      '127.0.0.1:0',
      '--data',
      this.#data,
      '--workers',
      '2',
    ]
    /* A process group of its own, so that a kill takes gateways, workers and Redis along. */
    this.#child = spawn(BINARY, args, {
      detached: true,
      env: ENVIRONMENT,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const child = this.#child
    let stdout = ''
    child.stderr.on('data', (bytes) => (this.#output += bytes))
    this.address = await new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${BINARY} ${why}\n${this.#output}`))
      const timer = setTimeout(fail, START_MS, `was not ready after ${START_MS} ms`)
      child.on('error', (error) => fail(`did not start: ${error.message}`))
      child.on('exit', (code, signal) => fail(`ended before it was ready (${code ?? signal})`))
      child.stdout.on('data', (bytes) => {
        stdout += bytes
        this.#output += bytes
        const ready = /^roomd ready on http:\/\/(\S+)$/m.exec(stdout)
        if (ready) {
          clearTimeout(timer)
          resolve(ready[1])
        }
      })
    })
  }

  /* As an operator stops it. Ends with an error when roomd does not go, or not with 0. */
  async stop() {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) {
      return
    }
    const gone = once(child, 'exit', { signal: AbortSignal.timeout(STOP_MS) })
    child.kill('SIGTERM')
    const [code, signal] = await gone
    if (code !== 0) {
      throw new Error(`SIGTERM ended roomd with ${code ?? signal}\n${this.#output}`)
    }
  }

  /* As a power cut stops it. */
  async kill() {
    const gone = once(this.#child, 'exit')
    process.kill(-this.#child.pid, 'SIGKILL')
    await gone
  }

  async finish() {
    try {
      await this.stop()
    } finally {
      if (this.#child?.exitCode === null && this.#child.signalCode === null) {
        await this.kill()
      }
      await rm(this.#data, { recursive: true, force: true, maxRetries: 5 })
    }
  }
}
