/* What befalls a node, by kind: how it is done, and what of it ends by itself later. A kind returns what it
 * did in a few words, or null if there was nothing to do it to. */
import { execFile } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isAlive, kill } from '../../e2e/lib/processes.js'
import { until } from '../../e2e/lib/wait.js'
import { ROOMCTL, hasRoomctl } from './node.js'

const ROOMCTL_MS = 25000 // it answers within 20 s
const TAKEN_OVER_MS = 4000
const WORKER_KEY_MS = 3000 // who stands still for longer loses its rooms
const run = promisify(execFile)

const killed = ({ name, pid }) => {
  kill(pid)
  return name
}

/* How often each kind is chosen, against the others. */
export const WEIGHTS = {
  'worker-kill': 20,
  'workers-kill': 6,
  'worker-kill-twice': 6,
  'worker-kill-owner': 8,
  'worker-stop': 14,
  'worker-term': 12,
  'worker-replace': 3,
  'worker-drain': 8,
  'room-move': 8,
  'gateway-kill': 4,
  'gateway-stop': 5,
  'redis-kill': 6,
  'redis-stop': 6,
  'redis-and-worker-kill': 4,
  'supervisor-stop': 3,
  'supervisor-kill': 2,
}

const NEED_ROOMCTL = ['worker-drain', 'room-move']

export function availableKinds() {
  return Object.keys(WEIGHTS).filter((kind) => hasRoomctl() || !NEED_ROOMCTL.includes(kind))
}

export class Faults {
  #node
  #random
  #rooms
  #undoing = new Set()
  #standing = new Set() // pids
  done = [] // {at, kind, what}

  /* `rooms`: the names of those in which somebody draws. */
  constructor(node, random, rooms) {
    this.#node = node
    this.#random = random
    this.#rooms = rooms
  }

  get counts() {
    const counts = {}
    this.done.forEach(({ kind }) => (counts[kind] = (counts[kind] ?? 0) + 1))
    return counts
  }

  /* Does it; false if it could not be done. `victim`: instead of one at random. */
  async strike(kind, victim) {
    const at = Date.now()
    const entry = { at, kind, what: '', until: at }
    this.done.push(entry) // before it is done: what follows from it must find it here
    const what = await this[kind](victim, entry)
    if (what === null) {
      this.done.splice(this.done.indexOf(entry), 1)
    } else {
      entry.what = what + entry.what // which may have been added to by now
    }
    return what !== null
  }

  /* Waits until nothing stands still any more. */
  async settled() {
    while (this.#undoing.size > 0) {
      await Promise.all(this.#undoing)
    }
  }

  #one(role, all = this.#node.processes(role)) {
    return all.length > 0 ? this.#random.pick(all) : null
  }

  /* One that does not stand still already. */
  #running(role) {
    return this.#one(role, this.#node.processes(role).filter(({ pid }) => !this.#standing.has(pid)))
  }

  /* Does something after a while, without being waited for. */
  #later(ms, body) {
    const task = pause(ms)
      .then(body)
      .finally(() => this.#undoing.delete(task))
    this.#undoing.add(task)
  }

  /* Half of the times for no longer than `briefly`. */
  #stop({ name, pid }, entry, briefly, most) {
    const isBrief = this.#random.chance(0.5)
    const ms = isBrief ? 100 + this.#random.below(briefly) : briefly + this.#random.below(most - briefly)
    kill(pid, 'SIGSTOP')
    this.#standing.add(pid)
    entry.until = Date.now() + ms
    this.#later(ms, () => {
      kill(pid, 'SIGCONT')
      this.#standing.delete(pid)
    })
    return `${name} for ${ms} ms`
  }

  'worker-kill'(victim = this.#one('worker')) {
    return victim && killed(victim)
  }

  'workers-kill'() {
    const all = this.#node.processes('worker')
    const count = this.#random.chance(0.3) ? all.length : Math.min(2, all.length)
    return all.length < 2 ? null : all.slice(0, count).map(killed).join(' ')
  }

  /* The next one dies while it takes over. */
  async 'worker-kill-twice'() {
    const first = this.#one('worker')
    if (!first || this.#node.processes('worker').length < 2) {
      return null
    }
    killed(first)
    const ms = this.#random.below(150)
    await pause(ms)
    const second = this.#one('worker')
    return `${first.name}, and ${second ? killed(second) : 'nobody'} after ${ms} ms`
  }

  /* The owner of a room dies, and so does who takes it over, as soon as it has. */
  async 'worker-kill-owner'() {
    const room = this.#random.pick(this.#rooms)
    const owner = async () => (await this.#node.owners([room]))[0]
    const find = (id) => this.#node.processes('worker').find((process) => process.id === id)
    const id = await owner()
    const first = id && find(id)
    if (!first) {
      return null
    }
    killed(first)
    const isOther = async () => {
      const now = await owner()
      return now !== id && find(now)
    }
    const next = await until('another owner', isOther, TAKEN_OVER_MS).catch(() => null)
    return `${first.name} of ${room}, and then ${next ? killed(next) : 'nobody'}`
  }

  'worker-stop'(victim = this.#running('worker'), entry) {
    return victim && this.#stop(victim, entry, WORKER_KEY_MS, 8000)
  }

  'worker-term'(victim = this.#one('worker')) {
    victim && kill(victim.pid, 'SIGTERM')
    return victim && victim.name
  }

  'worker-replace'() {
    kill(this.#node.roomd.pid, 'SIGHUP')
    return 'all'
  }

  /* Nobody waits for it: the node may be in no state to answer soon. What it said is noted. */
  #roomctl(entry, afterMs, ...args) {
    this.#later(afterMs, async () => {
      const { admin } = this.#node.roomd
      const said = await run(ROOMCTL, ['--admin', admin, ...args], { timeout: ROOMCTL_MS }).then(
        () => 'done',
        ({ code, stderr }) => `${code ?? 'killed'} ${stderr.trim()}`,
      )
      entry.what += `; ${args[0]} ${said}`
    })
  }

  'worker-drain'(victim = this.#one('worker'), entry) {
    if (victim) {
      this.#roomctl(entry, 0, 'drain', victim.id)
      this.#roomctl(entry, 1000 + this.#random.below(2000), 'drain', '--undo', victim.id)
    }
    return victim && victim.name
  }

  'room-move'(_, entry) {
    const to = this.#one('worker')
    const room = this.#random.pick(this.#rooms)
    to && this.#roomctl(entry, 0, 'move', room, to.id)
    return to && `${room} to ${to.name}`
  }

  'gateway-kill'(victim = this.#one('gateway')) {
    return victim && killed(victim)
  }

  'gateway-stop'(victim = this.#running('gateway'), entry) {
    return victim && this.#stop(victim, entry, 1000, 4000)
  }

  'redis-kill'() {
    const redis = this.#one('redis')
    return redis && killed(redis)
  }

  'redis-stop'(_, entry) {
    const redis = this.#running('redis')
    return redis && this.#stop(redis, entry, 1000, 6000)
  }

  'redis-and-worker-kill'() {
    const redis = this.#one('redis')
    const worker = this.#one('worker')
    return redis && worker && `${killed(redis)} ${killed(worker)}`
  }

  'supervisor-stop'(_, entry) {
    const { pid } = this.#node.roomd
    return this.#standing.has(pid) ? null : this.#stop({ name: 'roomd', pid }, entry, 1000, 3000)
  }

  /* All of them die with it; it is started again on the same ports and data. */
  async 'supervisor-kill'(_, entry) {
    const { roomd } = this.#node
    kill(roomd.pid)
    await roomd.ended()
    await roomd.start()
    entry.until = Date.now()
    return 'roomd'
  }

  get isSupervisorAlive() {
    return isAlive(this.#node.roomd.pid)
  }
}
