/* One run: a node, a crowd, first single faults whose pauses are measured, then many at once, and checks in
 * between whenever all is calm. */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { CrowdCaller } from '../../crowd/lib/crowd_caller.js'
import { Random } from '../../e2e/lib/random.js'
import { Roomd } from '../../e2e/lib/roomd.js'
import { GATEWAYS_DIE, causeOf } from './causes.js'
import { Faults, WEIGHTS } from './faults.js'
import { Node } from './node.js'

const CALM_DRAWING = 1 // pushes per client and second while pauses are measured
const BEFORE_MS = 500 // of undisturbed drawing
const NOTICED_MS = 300 // from a client's end of a socket to the note of the fault

/* What is measured alone, and how long after it clients are watched. */
const MEASURED = {
  'worker-kill': 3000,
  'worker-term': 3000,
  'worker-drain': 3000,
  'worker-replace': 7000,
  'worker-stop': 8000,
  'redis-kill': 3000,
  'gateway-kill': 4000,
}
/* For 4 s after Redis came back no gateway takes a worker for dead (proto/redis.md): the next fault would not
 * be a single one. */
const QUIET_AFTER = { 'redis-kill': 2000 }
const OF_ONE_WORKER = ['worker-kill', 'worker-term', 'worker-drain', 'worker-stop']

export class Chaos {
  #options
  #report
  #random
  #roomd
  #node
  #crowd
  #faults
  #rooms
  #ends = [] // of connections, not judged yet
  #checked = 0 // faults at the last check

  constructor(options, report) {
    this.#options = options
    this.#report = report
    this.#random = new Random(options.seed)
    this.#rooms = Array.from({ length: options.rooms }, (_, i) => `chaos-${i}`)
  }

  async run() {
    const { artefacts } = this.#options
    await rm(artefacts, { recursive: true, force: true })
    await mkdir(artefacts, { recursive: true })
    process.env.E2E_LOGS = artefacts
    try {
      await this.#start()
      await this.#measure()
      await this.#storm()
      await this.#startAgain()
    } catch (error) {
      this.#report.wrong('test', error.stack)
    } finally {
      await this.#end()
    }
  }

  async #start() {
    const { workers, gateways, rooms, clients, originals, seed } = this.#options
    const args = ['--workers', workers, '--gateways', gateways].map(String)
    this.#roomd = await Roomd.start({ args })
    this.#node = new Node(this.#roomd, this.#options)
    this.#faults = new Faults(this.#node, this.#random, this.#rooms.slice(0, this.#options['storm-rooms']))
    this.#report.faults = this.#faults.done
    const { address, data } = this.#roomd
    const logs = [join(data, 'redis/appendonlydir')]
    const links = join(data, 'durable')
    this.#crowd = new CrowdCaller({ address, logs, links, seed: this.#random.below(2 ** 32) }, (event) =>
      this.#onEvent(event),
    )
    await this.#crowd.call('fill', { rooms: this.#rooms, clients, originals })
    console.log(`seed ${seed}: ${rooms * clients} clients in ${rooms} rooms`)
  }

  #onEvent({ event, ...rest }) {
    if (event === 'wrong') {
      this.#report.wrong(rest.check, rest.what, rest.lines)
    } else {
      this.#ends.push(rest)
    }
  }

  /* Whether connections ended for good reason: when all faults up to then are on record. */
  #judge() {
    for (const end of this.#ends.splice(0)) {
      const cause = causeOf(end, this.#faults.done)
      if (cause) {
        this.#report.caused(cause)
      } else {
        const when = new Date(end.at).toISOString()
        const how = end.why ?? `${end.code} "${end.reason}"`
        const whether = end.wasOnline ? 'joined' : 'not joined yet'
        this.#report.wrong('closed', `${end.session} in ${end.room} at ${when} (${whether}): ${how}`, end.lines)
      }
    }
  }

  /* Of the original's clients it is only known how many connections they lost since the last check. */
  #judgeOriginals(lost) {
    const faults = this.#faults.done.slice(this.#checked)
    this.#checked = this.#faults.done.length
    if (lost > 0 && !faults.some(({ kind }) => GATEWAYS_DIE.includes(kind))) {
      this.#report.wrong('closed', `the original's clients lost ${lost} connections, and no gateway died`)
    }
  }

  // ---- measuring ----

  async #measure() {
    const kinds = this.#options.kinds.filter((kind) => MEASURED[kind])
    for (let n = 0; n < this.#options.measures; n++) {
      for (const kind of kinds) {
        await this.#measureOne(kind)
      }
    }
    if (this.#options.measures > 0 && kinds.length > 0) {
      await this.#check()
    }
  }

  async #measureOne(kind) {
    await this.#crowd.call('draw', { perSecond: CALM_DRAWING })
    await this.#wellAgain()
    await pause(BEFORE_MS)
    const { victim, rooms } = await this.#victimOf(kind)
    const window = await this.#crowd.call('openWindow', { rooms })
    await this.#faults.strike(kind, victim)
    await pause(MEASURED[kind])
    await this.#faults.settled()
    this.#report.measured(kind, await this.#crowd.call('closeWindow', { window }))
    await pause(QUIET_AFTER[kind] ?? 0)
  }

  /* Of faults of one worker only the clients in its rooms are measured: the others notice nothing at all. */
  async #victimOf(kind) {
    if (!OF_ONE_WORKER.includes(kind)) {
      return {}
    }
    const owners = await this.#node.owners(this.#rooms)
    const count = (id) => owners.filter((owner) => owner === id).length
    const victim = this.#node.processes('worker').sort((a, b) => count(b.id) - count(a.id))[0]
    return { victim, rooms: this.#rooms.filter((_, i) => owners[i] === victim.id) }
  }

  // ---- many at once ----

  async #storm() {
    const { faults, round, rate } = this.#options
    await this.#crowd.call('keepRooms', { count: this.#options['storm-rooms'] })
    while (this.#faults.done.length < faults && this.#report.isGood) {
      await this.#crowd.call('draw', { perSecond: rate, disturbance: 0.02, allowBig: true })
      const upTo = Math.min(faults, this.#faults.done.length + round)
      while (this.#faults.done.length < upTo) {
        await pause(-Math.log(1 - this.#random.unit()) * this.#options.gap)
        await this.#strikeSomething()
      }
      await this.#check()
    }
  }

  async #strikeSomething() {
    const { kinds } = this.#options
    let at = this.#random.below(kinds.reduce((sum, kind) => sum + WEIGHTS[kind], 0))
    const kind = kinds.find((each) => (at -= WEIGHTS[each]) < 0)
    await this.#faults.strike(kind)
    if (!this.#faults.isSupervisorAlive) {
      throw new Error('the supervisor has ended')
    }
  }

  async #wellAgain() {
    await this.#faults.settled()
    await this.#node.isWell().catch((error) => this.#report.wrong('node', error.message))
  }

  /* All is calm, and right. */
  async #check() {
    const started = Date.now()
    await this.#crowd.call('draw', { perSecond: 0 })
    await this.#wellAgain()
    await this.#crowd.call('calm').catch((error) => this.#report.wrong('test', error.message))
    await pause(NOTICED_MS)
    this.#judge()
    const before = this.#report.figures.originalsLost ?? 0
    this.#report.figures = await this.#crowd.call('getFigures')
    this.#judgeOriginals(this.#report.figures.originalsLost - before)
    const { answered, patches } = this.#report.figures
    const took = ((Date.now() - started) / 1000).toFixed(1)
    const much = `${answered} pushes, ${patches} broadcasts`
    console.log(`${this.#faults.done.length} faults, ${much}; checked in ${took} s`)
  }

  /* What is in Redis is all there is. */
  async #startAgain() {
    if (!this.#report.isGood) {
      return
    }
    const before = await this.#crowd.call('contents')
    await this.#crowd.call('end')
    await this.#roomd.kill()
    await this.#roomd.start()
    const after = await this.#crowd.call('contents')
    for (const room of Object.keys(before)) {
      if (before[room] !== after[room]) {
        this.#report.wrong('durable', `${room} was ${before[room]} and is ${after[room]}`.slice(0, 2000))
      }
    }
  }

  // ---- the end ----

  async #end() {
    await this.#faults?.settled()
    await this.#crowd?.terminate()
    const { artefacts, keep } = this.#options
    const isKept = keep || !this.#report.isGood
    if (this.#roomd && isKept) {
      const filter = (path) => !path.endsWith('.sock')
      await cp(this.#roomd.data, join(artefacts, 'data'), { recursive: true, filter })
    }
    await this.#roomd?.finish().catch((error) => this.#report.wrong('node', error.message.slice(0, 500)))
    await writeFile(join(artefacts, 'report.json'), JSON.stringify(this.#report, null, 2))
  }
}
