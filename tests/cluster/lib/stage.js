/* All that is there - machines, Redis, HAProxy, nodes, clients - and steps on it: something happens under
 * those who draw, and what they noticed is measured and judged. */
import { setTimeout as pause } from 'node:timers/promises'
import { join } from 'node:path'
import { mkdir } from 'node:fs/promises'
import { CrowdCaller } from '../../crowd/lib/crowd_caller.js'
import { until } from '../../e2e/lib/wait.js'
import { temporaryFolder, removeFolder } from '../../e2e/lib/roomd.js'
import { Balancer } from './balancer.js'
import { Hosts } from './hosts.js'
import { Nodes } from './nodes.js'
import { OwnerWatch } from './owners.js'

const BEFORE_MS = 500 // of undisturbed drawing
const NOTICED_MS = 300 // from a client's end of a socket to the note of it

/* Whether an end {at, code, why, wasOnline} is one that was to be expected. */
function fits(end, { from, to, code, joined, isByClient }) {
  const isKind = isByClient ? end.why !== undefined : end.code === code
  return isKind && from <= end.at && end.at <= to && (joined === undefined || end.wasOnline === joined)
}

export class Stage {
  #options
  #folder
  #ends = [] // of connections, not judged yet
  #allowed = []
  report
  hosts
  redis
  nodes
  balancer
  crowd
  rooms

  /* `redis` is a class of redis.js; that many nodes run from the start, `how` says which build. */
  static async start(options, report, how) {
    const stage = new Stage()
    stage.#options = options
    stage.report = report
    stage.rooms = Array.from({ length: options.rooms }, (_, i) => `cluster-${i}`)
    stage.#folder = await temporaryFolder()
    stage.hosts = await Hosts.create()
    try {
      await stage.#start(how)
    } catch (error) {
      await stage.stop()
      throw error
    }
    return stage
  }

  async #start({ redis, nodes, how }) {
    this.redis = await redis.start(this.hosts)
    this.nodes = await Nodes.create(this.hosts, this.redis, this.#options.tls ? { ROOMD_CLUSTER_TLS: 'on' } : {})
    for (let i = 0; i < this.#options.nodes; i++) {
      await this.nodes.add()
    }
    const first = this.nodes.all.slice(0, nodes)
    await Promise.all(first.map((node) => node.start(how)))
    this.balancer = await Balancer.start(this.hosts, this.nodes.all.map(({ address }) => address))
    await this.balancer.knows(nodes)
  }

  async fill(random) {
    const links = join(this.#folder, 'durable')
    await mkdir(links)
    const { address } = this.balancer
    const options = { address, logs: this.redis.logs, links, seed: random.below(2 ** 32) }
    this.crowd = new CrowdCaller(options, (event) => this.#onEvent(event))
    await this.crowd.call('fill', { ...this.#options, rooms: this.rooms })
  }

  #onEvent({ event, ...rest }) {
    if (event === 'wrong') {
      this.report.wrong(rest.check, rest.what, rest.lines)
    } else {
      this.#ends.push(rest)
    }
  }

  draw(perSecond = this.#options.rate) {
    return this.crowd.call('draw', { perSecond })
  }

  /* Does something while all draw. `allow`: ends of connections that may come of it, each {cause, code} or
   * {cause, isByClient}, with `joined` whether the client was in its room, `within` ms after it is done, and
   * `most` how many; `of`: the waits, and changes of owner, are of rooms of that node only, or of these `rooms`;
   * `watchMs`: what follows is watched for so long. Returns {at, ends, moved, movedAt, taken, stayed}. */
  async step(name, action, { allow = [], of, rooms, watchMs = 3000 } = {}) {
    console.log(`${this.report.seconds} s: ${name}`)
    await this.draw()
    await pause(BEFORE_MS)
    const owners = await OwnerWatch.start(this.redis, this.rooms)
    const watched = of ? this.rooms.filter((_, i) => owners.before[i]?.node === of.id) : rooms
    const window = await this.crowd.call('openWindow', { rooms: watched })
    const at = Date.now()
    const entry = { at, kind: name, what: '', until: at }
    this.report.faults.push(entry)
    const allowed = allow.map((each) => ({ ...each, from: at, to: Infinity, count: 0 }))
    this.#allowed.push(...allowed)
    await action()
    const done = Date.now()
    entry.until = done
    allowed.forEach((each) => (each.to = done + (each.within ?? 0)))
    await pause(watchMs)
    const waits = await this.crowd.call('closeWindow', { window })
    const { moved, movedAt, taken } = await owners.end(at, watched)
    await pause(NOTICED_MS)
    const ends = this.#judge().filter((end) => end.at >= at)
    this.report.lag(waits.lag)
    this.report.row(name, { closed: ends.length, moved, stayed: waits.stayed })
    console.log(`${name}: ${ends.length} sockets closed, ${moved.length} rooms with another owner`)
    return { at, ends, moved, movedAt, taken, stayed: waits.stayed }
  }

  #judge() {
    const ends = this.#ends.splice(0)
    for (const end of ends) {
      const one = this.#allowed.find((each) => fits(end, each) && each.count < (each.most ?? Infinity))
      if (one) {
        one.count++
        this.report.caused(one.cause)
      } else {
        const how = end.why ?? `${end.code} "${end.reason}"`
        const whether = end.wasOnline ? 'joined' : 'not joined yet'
        const where = `${end.session} in ${end.room} at ${new Date(end.at).toISOString()} (${whether})`
        this.report.wrong('closed', `${where}: ${how}`, end.lines)
      }
    }
    return ends
  }

  /* Something had to happen within some time. */
  inTime(what, ms, limit) {
    ms <= limit || this.report.wrong('time', `${what} after ${Math.round(ms)} ms, ${limit} are stated`)
  }

  async well() {
    await Promise.all(this.nodes.up.map((node) => node.isWell())).catch((error) =>
      this.report.wrong('node', error.message),
    )
    await this.balancer.knows(this.nodes.up.length).catch((error) => this.report.wrong('node', error.message))
  }

  /* All is calm, and right. */
  async check() {
    const started = Date.now()
    await this.draw(0)
    await this.well()
    const well = Date.now()
    await this.crowd.call('calm').catch((error) => this.report.wrong('test', error.message))
    await pause(NOTICED_MS)
    this.#judge()
    const figures = await this.crowd.call('getFigures')
    this.report.add(this, figures)
    const { answered, patches } = figures
    const took = `well after ${well - started} ms, right ${Date.now() - well} ms later`
    console.log(`${answered} pushes, ${patches} broadcasts; ${took}`)
  }

  /* That share of all clients leaves, and comes back to wherever the balancer sends them. */
  async mix(share = 0.4) {
    await this.draw(0)
    await until('clients with all their answers', () => this.crowd.call('areSettled'))
    await this.crowd.call('someReturn', { share })
    await until('clients that are back', () => this.crowd.call('areSettled'))
  }

  /* The node that owns most rooms. */
  async busiest() {
    const owners = await this.redis.owners(this.rooms)
    const count = (node) => owners.filter((owner) => owner?.node === node.id).length
    return this.nodes.up.map((node) => [count(node), node]).sort(([a], [b]) => b - a)[0][1]
  }

  async stop() {
    await this.crowd?.terminate()
    await this.balancer?.stop()
    await this.nodes?.stop()
    await this.redis?.stop()
    await this.hosts.end()
    await removeFolder(this.#folder)
  }
}
