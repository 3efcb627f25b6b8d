/* The history of one room, as its clients have been told it and as Redis has it: which change made which
 * clock. Both must be one history, in which each push stands once, and whose end is the room.
 *
 * A change raises a room's clock by one. A client whose clock goes from n - 1 to n has been told all that
 * change n did, so everybody who is told of it that way must be told the same. A client that is brought up
 * to date over several clocks at once makes a claim: that is how these records were at clock n. */
import { applyObjectDiff } from '../../e2e/lib/wire.js'

export function isEqual(a, b) {
  if (a === b) {
    return true
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return false
  }
  const names = Object.keys(a)
  return (
    Array.isArray(a) === Array.isArray(b) &&
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isEqual(a[name], b[name]))
  )
}

const text = (value) => JSON.stringify(value)?.slice(0, 300)

/* The names of the records in which two states differ, up to some. */
export function differences(a, b) {
  const ids = new Set([...a.keys(), ...b.keys()])
  return [...ids].filter((id) => !isEqual(a.get(id) ?? null, b.get(id) ?? null)).slice(0, 5)
}

/* What a network diff makes of a state: pairs of id and record, null for none. */
export function outcomeOf(state, diff) {
  return Object.entries(diff ?? {}).map(([id, [op, operand]]) => {
    const before = state.get(id)
    return [id, op === 'put' ? operand : op === 'patch' && before ? applyObjectDiff(before, operand) : null]
  })
}

function set(state, docs) {
  for (const [id, record] of docs) {
    record === null ? state.delete(id) : state.set(id, record)
  }
}

export class History {
  #room
  #report // (check, what): something is wrong
  #clock = 0 // of the state, which is verified
  #state = new Map()
  #changes = new Map() // clock to {docs, by: who said so first, pusher}
  #claims = [] // {from, clock, docs, by, whole}
  #seen = new Set() // "connection message" of entries
  unverified = 0 // clocks for which only their sum is known

  constructor(room, report) {
    this.#room = room
    this.#report = (check, what, clock) => report(check, `${room} at clock ${clock}: ${what}`)
  }

  /* Somebody has been told all that one change did. `push` {session, seq}: it is the answer to his own. */
  change(clock, docs, by, push = null) {
    const known = this.#changes.get(clock)
    if (!known) {
      this.#changes.set(clock, { docs, by, push })
      return
    }
    this.#compare(clock, known.docs, docs, `${known.by} was told`, `${by}`)
    if (push && known.push) {
      this.#report('once', `it answers pushes of both ${known.by} and ${by}`, clock)
    }
    known.push ??= push
  }

  /* Somebody who was at clock `from` has been told in one of all that happened since; `whole`: of all that
   * there is. */
  claim(from, clock, docs, by, whole = false) {
    this.#claims.push({ from, clock, docs, by, whole })
  }

  #compare(clock, docs, others, who, whoElse) {
    const a = new Map(docs)
    const b = new Map(others)
    for (const id of differences(a, b)) {
      const both = `${who} ${id} = ${text(a.get(id))}, ${whoElse} ${text(b.get(id))}`
      this.#report('history', both, clock)
    }
  }

  /* Nobody draws. `entries` is what Redis got since the last time, `end` {clock, docs} what a newcomer is
   * told. */
  verify(entries, end) {
    const log = this.#index(entries)
    const claims = this.#claims.sort((a, b) => a.clock - b.clock)
    let unknown = Infinity // the first clock that nobody can tell of; from there on the state is not known
    let next = 0
    const claimsUpTo = (clock) => {
      const from = next
      for (; next < claims.length && claims[next].clock <= clock; next++) {
        unknown = this.#learn(claims[next], unknown)
      }
      unknown === Infinity && claims.slice(from, next).forEach((claim) => this.#checkClaim(claim))
    }
    claimsUpTo(this.#clock)
    for (let clock = this.#clock + 1; clock <= end.clock; clock++) {
      if (!this.#step(clock, log.get(clock), unknown === Infinity)) {
        this.unverified++
        unknown = Math.min(unknown, clock)
      }
      claimsUpTo(clock)
    }
    for (const { clock, by } of claims.slice(next)) {
      this.#report('history', `${by} was told of it, and the room ends at ${end.clock}`, clock)
    }
    this.#checkEnd(log, end, unknown === Infinity)
    this.#clock = end.clock
    this.#state = new Map(end.docs)
    this.#changes.clear()
    this.#claims = []
  }

  /* Where the owner had to store the room whole, Redis has no entries; who was told what they came to says
   * how the room was after them. */
  #learn({ from, docs, whole }, unknown) {
    if (unknown === Infinity || (from >= unknown && !whole)) {
      return unknown
    }
    whole && this.#state.clear()
    set(this.#state, docs)
    return Infinity
  }

  /* The same where clients are not at rest: looks at what Redis got by itself. */
  inspect(entries) {
    this.#index(entries)
  }

  #index(entries) {
    const log = new Map()
    for (const entry of entries) {
      if (entry.snapshot !== undefined) {
        continue
      }
      const push = `${entry.by} ${entry.seq}`
      if (entry.by && this.#seen.has(push)) {
        this.#report('once', `the log has message ${entry.seq} of ${entry.by} twice (${entry.id})`, entry.clock)
      }
      this.#seen.add(push)
      if (log.has(entry.clock)) {
        this.#report('owner', `two entries: ${log.get(entry.clock).id} and ${entry.id}`, entry.clock)
      }
      if (entry.clock > this.#clock) {
        log.set(entry.clock, entry)
      } else if (Object.keys(entry.diff ?? {}).length > 0) {
        this.#report('owner', `entry ${entry.id}, when the room was at ${this.#clock}`, entry.clock)
      }
    }
    return log
  }

  /* False if nobody knows what this change was. `isKnown`: what was before it. */
  #step(clock, entry, isKnown) {
    const change = this.#changes.get(clock)
    const docs = entry ? outcomeOf(this.#state, entry.diff) : change?.docs
    if (!docs) {
      return false
    }
    if (entry && change) {
      isKnown && this.#compare(clock, docs, change.docs, `entry ${entry.id} says`, `${change.by} was told`)
      if (change.push && entry.session !== change.push.session) {
        this.#report('lost', `${change.by} has an answer, and the entry is of ${entry.session}`, clock)
      }
    }
    set(this.#state, docs)
    return true
  }

  #checkClaim({ clock, docs, by, whole }) {
    const told = new Map(docs)
    const ids = whole ? differences(told, this.#state) : [...told.keys()]
    for (const id of ids) {
      const is = this.#state.get(id) ?? null
      if (!isEqual(told.get(id) ?? null, is)) {
        this.#report('history', `${by} was told ${id} = ${text(told.get(id))}, it was ${text(is)}`, clock)
      }
    }
  }

  #checkEnd(log, end, isKnown) {
    for (const clock of [...log.keys(), ...this.#changes.keys()]) {
      if (clock > end.clock) {
        const who = this.#changes.get(clock)?.push ? 'lost' : 'history'
        this.#report(who, `it is known, and the room ends at ${end.clock}`, clock)
      }
    }
    if (isKnown) {
      for (const id of differences(this.#state, end.docs)) {
        const both = `${text(this.#state.get(id))} by its history, and is ${text(end.docs.get(id))}`
        this.#report('history', `${id} should be ${both}`, end.clock)
      }
    }
  }
}
