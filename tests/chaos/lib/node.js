/* The node under test as a fault sees it: who runs, who owns what, is all well again. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { childrenOf, idOf } from '../../e2e/lib/processes.js'
import { Redis } from '../../e2e/lib/redis.js'
import { BINARY } from '../../e2e/lib/roomd.js'
import { soon, until } from '../../e2e/lib/wait.js'

const REDIS_PATIENCE_MS = 3000
const WELL_MS = 60000

/* The operator's command line, beside roomd in the build. */
export const ROOMCTL = join(BINARY, '../../roomctl/roomctl')
export const hasRoomctl = () => existsSync(ROOMCTL)

export class Node {
  constructor(roomd, { workers, gateways }) {
    this.roomd = roomd
    this.workers = workers
    this.gateways = gateways
  }

  /* [{name, pid, id}] of "worker", "gateway" or "redis". */
  processes(role) {
    const all = childrenOf(this.roomd.pid).filter(([name]) => name.split('-')[0] === role)
    return all.map(([name, pid]) => ({ name, pid, id: idOf(pid) }))
  }

  async #redis(body) {
    const redis = await Redis.connect({ path: join(this.roomd.data, 'redis.sock') })
    try {
      return await soon('an answer of Redis', body(redis), REDIS_PATIENCE_MS)
    } finally {
      redis.close()
    }
  }

  /* Worker id of each room's owner; null where Redis is away, or there is none. */
  async owners(rooms) {
    const key = (room) => `roomd:{${room}}`
    const ask = (redis) => Promise.all(rooms.map((room) => redis.text('HGET', key(room), 'owner')))
    return this.#redis(ask).catch(() => rooms.map(() => null))
  }

  async #isReady() {
    return (await this.roomd.get('/readyz', { signal: AbortSignal.timeout(2000) })).status === 200
  }

  /* All processes run, each once, and the node says that it is ready. */
  async isWell() {
    return until(
      'a node that is well',
      async () =>
        this.processes('worker').length === this.workers &&
        this.processes('gateway').length === this.gateways &&
        this.processes('redis').length === 1 &&
        (await this.#isReady()),
      WELL_MS,
    )
  }
}
