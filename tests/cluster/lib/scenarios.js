/* What can happen, in the order in which it does. Each begins and ends with a calm that was checked. */
import { clustered } from './clustered.js'
import * as failures from './failures.js'
import { ClusteredRedis, ShippedRedis } from './redis.js'
import { scaling } from './scaling.js'
import { upgrade } from './upgrade.js'

/* `nodes`: how many run; `redis`: what they share, if not the shipped one. */
export const SCENARIOS = {
  upgrade: { run: upgrade, nodes: 2, what: 'nodes are replaced by ones of a newer build' },
  scaling: { run: scaling, nodes: 2, what: 'there are 2, 3, 4, 3 and 2 nodes' },
  kill: { run: (stage) => failures.kill(stage), nodes: 3, what: 'all processes of a node are killed' },
  vanish: { run: failures.vanish, nodes: 3, what: 'a node is without power, and nobody is told' },
  freeze: { run: failures.freeze, nodes: 3, what: 'all processes of a node stand still for a while' },
  'redis-cut': { run: failures.redisCut, nodes: 3, what: 'a node is cut off from Redis' },
  'link-cut': { run: failures.linkCut, nodes: 3, what: 'two nodes are cut off from each other' },
  'one-way': { run: failures.oneWay, nodes: 3, what: 'a node does not hear another one, which hears it' },
  slow: { run: failures.slow, nodes: 3, what: 'a node, and Redis, behind a slow network that loses packets' },
  'primary-cut': { run: failures.primaryCut, nodes: 3, what: 'the primary of Redis is cut off, and comes back' },
  failover: { run: failures.failover, nodes: 3, what: 'the primary of Redis is killed' },
  'redis-cluster': {
    run: clustered,
    nodes: 3,
    redis: ClusteredRedis,
    what: 'with a Redis Cluster of three masters: a node is killed, and a master',
  },
}

export const SHORT = ['upgrade', 'scaling', 'kill', 'vanish', 'link-cut', 'failover', 'redis-cluster']

export const redisOf = (name) => SCENARIOS[name].redis ?? ShippedRedis
