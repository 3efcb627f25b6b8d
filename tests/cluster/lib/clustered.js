/* Nodes that share a Redis Cluster: three masters without replicas, each with a part of the rooms. */
import { keyOf } from '../../e2e/lib/redis.js'
import { setTimeout as pause } from 'node:timers/promises'
import { kill } from './failures.js'

const AWAY_MS = 3000
const LONG_ENOUGH_MS = AWAY_MS + 8000 // the map of slots is read again, and connections are made

export async function clustered(stage) {
  await kill(stage, 'a node is killed (Redis Cluster)')

  const servers = await Promise.all(stage.rooms.map((room) => stage.redis.serverOf(keyOf(room))))
  const [victim] = servers
  const rooms = stage.rooms.filter((_, i) => servers[i] === victim)
  const step = await stage.step(
    `one of three masters is away for ${AWAY_MS / 1000} s`,
    async () => {
      await victim.end()
      await pause(AWAY_MS)
      await victim.start()
    },
    { rooms, watchMs: 6000 },
  )
  stage.inTime('rooms of a master that came back went on', Math.max(0, ...step.stayed), LONG_ENOUGH_MS)
  stage.report.note(`Redis Cluster: ${rooms.length} of ${stage.rooms.length} rooms were with that master`)
  await stage.check()
}
