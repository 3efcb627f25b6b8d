/* Machines die, stand still, vanish, lose each other, lose Redis; and Redis loses its primary. What is stated in
 * proto/cluster.md and proto/ownership.md must hold, in time. */
import { setTimeout as pause } from 'node:timers/promises'

const KEY_MS = 3000 // a worker's sign of life in Redis
const NOTICED_MS = 2000 // readings of it, a second apart
const LINK_MS = 6000 // until a link that is cut is over
const TRIES_MS = 6000 // of a gateway, to reach an owner that lives
const SILENCE_MS = 15000 // a client that hears nothing leaves
const BUSY_MS = 4000 // what two cores, three Redis and all clients add to any of these
const AWAY_MS = 8000 // how long what is cut stays cut: longer than any of them takes to be noticed
const CUT_OFF_MS = 5000 // until HAProxy knows that a server acknowledges nothing
const WENT_DOWN = { cause: 'its node died', code: 1006, within: 1500 }
const HEARD_NOTHING = { cause: 'its node was silent', isByClient: true, within: SILENCE_MS }

/* The time within which who is connected elsewhere is served again. */
const TAKEN_OVER_MS = KEY_MS + NOTICED_MS + BUSY_MS
const longest = (numbers) => Math.max(0, ...numbers)

async function comeBack(stage, node) {
  await node.start()
  await stage.well()
  await stage.mix()
}

/* kill -9 of all processes of a node: its sockets and links are closed by its kernel. */
export async function kill(stage, name = 'a node is killed') {
  const node = await stage.busiest()
  const allow = [{ ...WENT_DOWN, most: await node.connections() }]
  const step = await stage.step(name, () => node.kill(), { allow, of: node, watchMs: 6000 })
  stage.inTime('rooms of a killed node were served again', longest(step.stayed), TAKEN_OVER_MS)
  await stage.check()
  await comeBack(stage, node)
}

/* Power is gone: nobody is told anything. */
export async function vanish(stage) {
  const node = await stage.busiest()
  const most = await node.connections()
  const allow = [{ ...WENT_DOWN, within: SILENCE_MS, most }]
  const step = await stage.step(
    'a node vanishes',
    async () => {
      await stage.hosts.unplug(node.name)
      await node.kill()
    },
    { allow, of: node, watchMs: CUT_OFF_MS + BUSY_MS + 2000 },
  )
  stage.inTime('rooms of a vanished node were served again', longest(step.stayed), TAKEN_OVER_MS)
  const last = longest(step.ends.map((end) => end.at)) - step.at
  stage.inTime('clients of a vanished node were cut off', last, CUT_OFF_MS + BUSY_MS)
  stage.report.note(`a node vanishes: its own clients were cut off after ${Math.round(last)} ms at the latest`)
  await stage.hosts.plug(node.name)
  await stage.check()
  await comeBack(stage, node)
}

/* All its processes stand still, and go on as if nothing had been. */
export async function freeze(stage) {
  const node = await stage.busiest()
  const most = await node.connections()
  const allow = [{ ...HEARD_NOTHING, most }]
  const step = await stage.step(
    `a node stands still for ${AWAY_MS / 1000} s`,
    async () => {
      node.freeze()
      await pause(AWAY_MS)
      node.wake()
    },
    { allow, of: node },
  )
  stage.inTime('rooms of a frozen node had another owner', longest(step.moved), TAKEN_OVER_MS)
  await stage.check()
}

async function cutFromRedis(stage, node, verb) {
  await Promise.all(stage.redis.hosts.map((name) => stage.hosts[verb](node.name, name)))
}

/* It makes nothing durable any more, its rooms go to others, and when it is back nothing has to be done. */
export async function redisCut(stage) {
  const node = await stage.busiest()
  const allow = [{ cause: 'no owner within 10 s, before the connect reply', code: 1013, joined: false }]
  const step = await stage.step(
    `a node without Redis for ${(AWAY_MS + LINK_MS) / 1000} s`,
    async () => {
      await cutFromRedis(stage, node, 'cut')
      await pause(AWAY_MS + LINK_MS)
      await cutFromRedis(stage, node, 'heal')
    },
    { allow, of: node, watchMs: 6000 },
  )
  stage.inTime('rooms of a node without Redis had another owner', longest(step.moved), TAKEN_OVER_MS)
  await stage.check()
}

/* Two nodes lose each other, and both have Redis. Clients on the wrong side are sent away once, and the balancer
 * finds another node for them. */
async function apart(stage, name, begin, end) {
  await stage.mix() // whoever came through this once is where nothing of it is noticed
  const node = await stage.busiest()
  const other = stage.nodes.up.find((each) => each !== node)
  const step = await stage.step(
    name,
    async () => {
      await begin(node.name, other.name)
      await pause(LINK_MS + TRIES_MS + BUSY_MS)
      await end(node.name, other.name)
    },
    { allow: [{ cause: 'two nodes had lost each other', code: 1013, joined: true, within: TRIES_MS + BUSY_MS }] },
  )
  /* A room that is given away meanwhile, to even the load, is out of reach from then on, for others than before. */
  const since = ({ room, at }) => (step.movedAt.get(room) < at ? step.movedAt.get(room) : step.at)
  const last = longest(step.ends.map((end) => end.at - since(end)))
  stage.inTime('who could not reach a room was told so', last, LINK_MS + TRIES_MS + BUSY_MS)
  step.taken.length > 0 && stage.report.wrong('taken', `from an owner that lives: ${step.taken.join(', ')}`)
  await stage.check()
}

export function linkCut(stage) {
  const { hosts } = stage
  const begin = (...pair) => hosts.cut(...pair)
  return apart(stage, 'two nodes do not hear each other', begin, (...pair) => hosts.heal(...pair))
}

export function oneWay(stage) {
  const { hosts } = stage
  const begin = (...pair) => hosts.deafen(...pair)
  return apart(stage, 'a node does not hear another one', begin, (...pair) => hosts.undeafen(...pair))
}

async function slowed(stage, name, what) {
  const how = { ms: 20, jitter: 10, loss: 1 }
  await stage.step(`${what} behind ${how.ms} to ${how.ms + how.jitter} ms, 1 % lost`, async () => {
    await stage.hosts.slow(name, how)
    await pause(AWAY_MS)
    await stage.hosts.speedUp(name)
  })
  await stage.check()
}

export async function slow(stage) {
  const node = await stage.busiest()
  await slowed(stage, node.name, 'a node')
  await slowed(stage, stage.redis.master.name, 'the primary of Redis')
  stage.report.note(`slow links are made by ${stage.hosts.wiredBy}`)
}

/* The Sentinels take three seconds to believe it, and then choose another one. The old one comes back, thinks
 * that it still is what it was, and is told otherwise. */
async function newPrimary(stage, name, begin, end) {
  const old = stage.redis.master
  let elected
  const step = await stage.step(
    name,
    async () => {
      await begin(old)
      await stage.redis.newMaster()
      elected = Date.now()
      await end(old)
    },
    { watchMs: 4000 },
  )
  stage.report.note(`${name}: another one ${elected - step.at} ms later`)
  stage.inTime('clients had answers from another primary', longest(step.stayed), elected - step.at + BUSY_MS)
  await stage.redis.isReplica(old)
  await stage.check()
}

export function failover(stage) {
  const begin = (old) => old.kill()
  return newPrimary(stage, 'the primary of Redis is killed', begin, (old) => old.start(stage.redis))
}

export function primaryCut(stage) {
  const { hosts } = stage
  const begin = (old) => hosts.unplug(old.name)
  return newPrimary(stage, 'the primary of Redis vanishes, and is back', begin, async (old) => {
    await pause(AWAY_MS)
    await hosts.plug(old.name)
  })
}
