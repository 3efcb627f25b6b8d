/* The thread of the clients: rooms, who draws in them, what they have been told, and whether that is right.
 * The thread that does things to the servers calls it through crowd_caller.js. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parentPort, workerData } from 'node:worker_threads'
import { Random } from '../../e2e/lib/random.js'
import { sortMembers } from '../../e2e/lib/sync.js'
import { until } from '../../e2e/lib/wait.js'
import { Drawer } from './drawer.js'
import { Durable } from './durable.js'
import { History, differences } from './history.js'
import { Originals } from './originals.js'
import { Pauses } from './pauses.js'

const TICK_MS = 10
const BINARY_OF = 5 // every fifth client speaks msgpack
const OPENING_AT_ONCE = 50
const SETTLE_MS = 90000 // the server's own bound is 60 s
const PRESENCE_MS = 15000 // removal wait of 5 s, passes every 2.5 s, and a new owner
const SHOWN_MOST = 40
const DRAWN_WITHIN_MS = 200 // of a fault

const now = () => performance.now()

class Crowd {
  #random
  #rooms = []
  #originals
  #durable
  #delay = monitorEventLoopDelay({ resolution: 5 })
  #disturbance = 0 // what clients do to themselves, per client and second
  #shown = 0
  pauses = new Pauses(now)
  address
  allowBig = false
  figures = {
    pushed: 0, heard: 0, patches: 0, answered: 0, drawn: 0, rebased: 0, sums: 0, refused: 0, unverified: 0,
    drops: 0, leaves: 0, sleeps: 0, presenceMs: 0,
  } // prettier-ignore

  /* `logs`: the folders of the append-only files of all that are Redis, `links` one beside them. */
  constructor({ address, seed, logs, links }) {
    this.address = address
    this.#random = new Random(seed)
    this.#durable = new Durable(logs, links)
    this.#originals = new Originals(address)
    this.#delay.enable()
    setInterval(() => this.#tick(), TICK_MS)
    setInterval(() => this.#durable.keep(), 500)
  }

  now() {
    return now()
  }

  // ---- what clients tell ----

  /* `who`, and perhaps others, noticed it: what they have heard lately is shown. */
  report(check, what, ...who) {
    const isShown = this.#shown++ < SHOWN_MOST
    const tell = (drawer) => [`-- ${drawer.name}`, ...drawer.trace.lines()]
    const lines = isShown ? who.filter((drawer) => drawer).flatMap(tell) : []
    parentPort.postMessage({ event: 'wrong', check, what, lines })
  }

  /* A connection ended: {code, reason} by the server, or {why} by the client, which had heard nothing. */
  onEnd(drawer, how) {
    drawer.endedAt = now()
    parentPort.postMessage({ event: 'end', at: Date.now(), ...how, lines: drawer.trace.lines(30) })
  }

  onAnswer(drawer, push) {
    this.figures.answered++
    this.figures.drawn += push.seq > 0
    this.pauses.answered(drawer, push.at)
  }

  // ---- time ----

  #tick() {
    const at = now()
    for (const room of this.#rooms) {
      for (const drawer of room.drawers) {
        drawer.tick(at)
        this.#disturbance > 0 && this.#disturb(drawer)
      }
      room.reader?.tick(at)
    }
  }

  #disturb(drawer) {
    if (!this.#random.chance((this.#disturbance * TICK_MS) / 1000)) {
      return
    }
    switch (this.#random.below(3)) {
      case 0:
        this.figures.drops++
        drawer.drop()
        break
      case 1:
        this.figures.leaves += drawer.isSettled
        drawer.leaveAndReturn()
        break
      case 2:
        this.figures.sleeps++
        drawer.sleep(this.#random.below(2000))
        break
    }
  }

  // ---- what the other thread asks for ----

  /* Makes rooms of clients, and waits until all are in. */
  async fill({ rooms, clients, originals }) {
    for (const [i, name] of rooms.entries()) {
      const room = { name, removes: 0, drawers: [], reader: null }
      room.history = new History(room.name, (check, what) => this.report(check, what, room.drawers[0]))
      for (let j = 0; j < clients; j++) {
        const name = `r${i}c${j}` // no two in all rooms
        const binary = j % BINARY_OF === BINARY_OF - 1
        room.drawers.push(new Drawer(this, room, name, new Random(this.#random.below(2 ** 32)), { binary }))
      }
      this.#rooms.push(room)
    }
    const all = this.#rooms.flatMap((room) => room.drawers)
    for (let i = 0; i < all.length; i += OPENING_AT_ONCE) {
      const some = all.slice(i, i + OPENING_AT_ONCE)
      some.forEach((drawer) => drawer.connect())
      await until('clients in their rooms', () => some.every((drawer) => drawer.isOnline))
    }
    await this.#originals.join(this.#rooms.slice(0, originals).map((room) => room.name))
  }

  /* All but the first rooms are left. */
  keepRooms({ count }) {
    for (const room of this.#rooms.splice(count)) {
      room.drawers.forEach((drawer) => drawer.leave())
    }
  }

  areSettled() {
    return this.#rooms.every((room) => room.drawers.every((drawer) => drawer.isSettled))
  }

  /* That share of the clients leaves, and others come in their place. */
  someReturn({ share }) {
    const all = this.#rooms.flatMap((room) => room.drawers)
    all.filter(() => this.#random.chance(share)).forEach((drawer) => drawer.leaveAndReturn())
  }

  /* Each client draws that often from now on. */
  draw({ perSecond, disturbance = 0, allowBig = false }) {
    this.allowBig = allowBig
    this.#disturbance = disturbance
    const at = now()
    this.#rooms.forEach((room) => room.drawers.forEach((drawer) => drawer.drawAt(perSecond, at)))
    this.#originals.draw(perSecond > 0)
  }

  /* Waits are noted from now on, in some rooms or all; each client there has something under way soon. */
  openWindow({ rooms }) {
    this.#delay.reset()
    const names = rooms && new Set(rooms)
    const at = now()
    for (const room of this.#rooms.filter(({ name }) => !names || names.has(name))) {
      room.drawers.forEach((drawer) => drawer.drawWithin(DRAWN_WITHIN_MS, at))
    }
    return this.pauses.open(names)
  }

  closeWindow({ window }) {
    const lag = this.#delay.percentile(99) / 1e6
    const drawers = this.#rooms.flatMap((room) => room.drawers)
    return { ...this.pauses.close(window, drawers), lag }
  }

  getFigures() {
    return { ...this.figures, originalsLost: this.#originals.losses }
  }

  // ---- calm ----

  /* Nobody draws; waits until all have everything, and checks it. */
  async calm() {
    this.draw({ perSecond: 0 })
    await this.#settled()
    const readers = await this.#newcomers()
    try {
      await this.#sameClocks()
      await this.#rightPresence()
      this.#verify()
      await this.#originals.check(readers)
    } catch (error) {
      const news = this.#durable.news()
      this.#rooms.forEach(({ name, history }) => history.inspect(news.get(name) ?? []))
      throw error
    } finally {
      this.#rooms.forEach((room) => {
        room.reader?.leave()
        room.reader = null
      })
    }
  }

  /* Reports who is not as he should be, up to some; `other(drawer)`: who else may know why. */
  #failing(check, what, drawers, isRight, other = () => null) {
    const bad = drawers.filter((drawer) => !isRight(drawer))
    for (const drawer of bad.slice(0, 5)) {
      this.report(check, `${drawer.name} in ${drawer.room.name}: ${what(drawer)}`, drawer, other(drawer))
    }
    throw new Error(`${bad.length} clients: ${check}`)
  }

  async #settled() {
    const all = this.#rooms.flatMap((room) => room.drawers)
    const isRight = (drawer) => drawer.isSettled
    await until('answers to all', () => all.every(isRight), SETTLE_MS).catch(() => {
      const what = (drawer) => `online ${drawer.isOnline}, ${drawer.pending.length} pushes without an answer`
      this.#failing('converge', what, all, isRight)
    })
    await this.#originals.settle()
  }

  /* One newcomer in each room, who is told all of it. */
  async #newcomers() {
    const readers = this.#rooms.map((room) => {
      const name = `reader-${this.#random.below(1e9)}`
      room.reader = new Drawer(this, room, name, this.#random, { readonly: true })
      room.reader.connect()
      return room.reader
    })
    const isRight = (reader) => reader.isOnline
    await until('newcomers in all rooms', () => readers.every(isRight), SETTLE_MS).catch(() =>
      this.#failing('converge', () => 'a newcomer is not let in', readers, isRight),
    )
    return readers
  }

  async #sameClocks() {
    const all = this.#rooms.flatMap((room) => room.drawers)
    const isRight = (drawer) => drawer.view.clock === drawer.room.reader.view.clock
    await until('equal clocks', () => all.every(isRight), SETTLE_MS).catch(() => {
      const what = (drawer) => `at ${drawer.view.clock}, a newcomer at ${drawer.room.reader.view.clock}`
      this.#failing('converge', what, all, isRight)
    })
  }

  /* Each sees exactly the others who are there, as they last said they are. */
  async #rightPresence() {
    const started = now()
    const all = this.#rooms.flatMap((room) => [...room.drawers, room.reader])
    const isRight = (drawer) => this.#wrongPresence(drawer) === null
    await until('presence', () => all.every(isRight), PRESENCE_MS).catch(() =>
      this.#failing(
        'presence',
        (drawer) => this.#wrongPresence(drawer).what,
        all,
        isRight,
        (drawer) => this.#wrongPresence(drawer).whose,
      ),
    )
    this.figures.presenceMs = Math.max(this.figures.presenceMs, now() - started)
  }

  /* Null, or {what, whose}: what a viewer sees that is not so. */
  #wrongPresence(viewer) {
    const seen = [...viewer.view.presences.values()].filter(({ name }) => !this.#originals.isName(name))
    const others = viewer.room.drawers.filter((drawer) => drawer !== viewer)
    for (const whose of others) {
      const of = seen.filter(({ name }) => name === whose.name)
      const { cursor, chat } = whose.cursor.record
      if (of.length !== 1 || of[0].cursor.x !== cursor.x || of[0].chat !== chat) {
        const what = `sees ${JSON.stringify(of)} of ${whose.name}, who is at ${cursor.x} and says "${chat}"`
        return { what, whose }
      }
    }
    const what = `sees ${seen.length} people, there are ${others.length}`
    return seen.length === others.length ? null : { what, whose: null }
  }

  #verify() {
    const news = this.#durable.news()
    for (const room of this.#rooms) {
      const { docs, clock } = room.reader.view
      const before = room.history.unverified
      room.history.verify(news.get(room.name) ?? [], { clock, docs })
      this.figures.unverified += room.history.unverified - before
      for (const drawer of room.drawers) {
        const [id] = differences(drawer.view.docs, docs)
        if (id) {
          const both = `${JSON.stringify(drawer.view.docs.get(id))}, a newcomer ${JSON.stringify(docs.get(id))}`
          this.report('converge', `${drawer.name} in ${room.name} has ${id} = ${both}`, drawer)
        }
        this.#checkOwn(drawer, docs)
      }
    }
  }

  /* What a client was told is in the room, is there: what it made, in its last state, and no more. */
  #checkOwn(drawer, docs) {
    const there = new Map([...docs].filter(([id]) => drawer.drawing.isOwn(id)))
    for (const id of differences(drawer.own, there)) {
      const both = `${JSON.stringify(drawer.own.get(id))} acknowledged, ${JSON.stringify(there.get(id))} there`
      const check = drawer.own.has(id) ? 'lost' : 'once'
      this.report(check, `${drawer.name} in ${drawer.room.name}: ${id}: ${both}`.slice(0, 600), drawer)
    }
  }

  /* The rooms as text, to be compared after everything was started again. */
  async contents() {
    await this.#newcomers()
    const contentOf = ({ view }) => JSON.stringify(sortMembers([...view.docs].sort()))
    const text = this.#rooms.map(({ name, reader }) => [name, contentOf(reader)])
    this.#rooms.forEach((room) => {
      room.reader.leave()
      room.reader = null
    })
    return Object.fromEntries(text)
  }

  end() {
    this.#rooms.forEach((room) => room.drawers.forEach((drawer) => drawer.leave()))
    this.#originals.leave()
  }
}

const crowd = new Crowd(workerData)
parentPort.on('message', async ({ id, name, args }) => {
  try {
    parentPort.postMessage({ id, value: await crowd[name](args) })
  } catch (error) {
    parentPort.postMessage({ id, error: error.message })
  }
})
