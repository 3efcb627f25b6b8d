/* What came of it: what was wrong, how much of what there was, how long people waited. Each suite has its
 * own headline, and may promise more. */
import { percentiles } from './pauses.js'

/* What is promised always, by the name under which a failure is reported. */
const CHECKS = {
  lost: 'no acknowledged push is lost',
  once: 'no push is applied or answered twice',
  history: 'what clients are told is the history of the room',
  owner: 'the log of a room has one owner at a time',
  clock: 'clocks never go back, and nothing is skipped',
  converge: 'in the end all have the same',
  presence: 'everybody sees who is there, and nobody else',
  protocol: 'answers are as the protocol says',
  closed: 'no socket is closed without a cause',
  node: 'all processes are well again after all of it',
  test: 'the test itself ran to its end',
}
const SHOWN_MOST = 12

export class Report {
  #options
  #checks
  #wrong = [] // {at, check, what, lines}
  #started = Date.now()
  #pauses = new Map() // kind to arrays of numbers
  #lags = []
  causes = {} // of closed sockets, to how many
  figures = {}
  faults = []

  /* `checks`: what is promised beyond the above. */
  constructor(options, checks = {}) {
    this.#options = options
    this.#checks = { ...CHECKS, ...checks }
  }

  /* The first line of the report. */
  headline() {
    throw new Error('a suite has its own')
  }

  get seconds() {
    return Math.round((Date.now() - this.#started) / 1000)
  }

  wrong(check, what, lines = []) {
    this.#wrong.push({ at: new Date().toISOString(), check, what, lines })
    if (this.#wrong.length <= SHOWN_MOST) {
      console.log(`FAILED ${check}: ${what.slice(0, 700)}`)
    }
  }

  get isGood() {
    return this.#wrong.length === 0
  }

  caused(cause) {
    this.causes[cause] = (this.causes[cause] ?? 0) + 1
  }

  measured(kind, { pauses, lag }) {
    this.#pauses.set(kind, [...(this.#pauses.get(kind) ?? []), ...pauses])
    this.lag(lag)
  }

  /* How late the clients' own thread was. */
  lag(ms) {
    this.#lags.push(ms)
  }

  countOf(check) {
    return this.#wrong.filter((wrong) => wrong.check === check).length
  }

  get #faultCounts() {
    const counts = {}
    this.faults.forEach(({ kind }) => (counts[kind] = (counts[kind] ?? 0) + 1))
    return counts
  }

  toJSON() {
    return {
      options: this.#options,
      seconds: this.seconds,
      faults: this.#faultCounts,
      faultsInOrder: this.faults,
      figures: this.figures,
      closed: this.causes,
      pauses: Object.fromEntries([...this.#pauses].map(([kind, numbers]) => [kind, percentiles(numbers)])),
      loadLagMs: Math.max(0, ...this.#lags),
      checks: Object.fromEntries(Object.keys(this.#checks).map((check) => [check, this.countOf(check)])),
      wrong: this.#wrong,
    }
  }

  #lines() {
    const { figures, causes } = this
    const one = ([name, count]) => `${count} ${name}`
    const list = (counts) => Object.entries(counts).map(one).join(', ')
    const lines = [
      this.headline(this.#options),
      `${this.faults.length} faults: ${list(this.#faultCounts)}`,
      `${figures.pushed} pushes, ${figures.answered} acknowledged (${figures.drawn} with documents, ` +
        `${figures.rebased} rebased); lost ${this.countOf('lost')}, twice ${this.countOf('once')}`,
      `${figures.patches} broadcasts heard; not in the room's history ${this.countOf('history')}`,
      `sockets closed: ${list(causes) || 'none'}; without cause ${this.countOf('closed')}`,
      `clients: ${figures.drops} dropped their connection, ${figures.leaves} left for good, ` +
        `${figures.sleeps} stopped reading`,
      `presence was right ${Math.round(figures.presenceMs)} ms after calm at most`,
      `changes known by their sum only: ${figures.unverified}; clients brought over several: ${figures.sums}`,
    ]
    if (this.#pauses.size > 0) {
      lines.push('', 'longest wait of a client, in ms   clients      p50      p99      max')
      for (const [kind, numbers] of this.#pauses) {
        const { clients: count, p50, p99, max } = percentiles(numbers)
        const columns = [count, p50, p99, max].map((number) => `${number}`.padStart(8))
        lines.push(`  ${kind.padEnd(28)} ${columns.join(' ')}`)
      }
    }
    lines.push(`the clients' own thread was late by ${Math.max(0, ...this.#lags).toFixed(1)} ms at p99`)
    return lines
  }

  /* Prints all of it; the last line is for counting. */
  print() {
    console.log(['', ...this.#lines(), ''].join('\n'))
    for (const [check, promise] of Object.entries(this.#checks)) {
      const count = this.countOf(check)
      console.log(count === 0 ? `ok ${promise}` : `FAILED ${promise}: ${count} times`)
    }
    const first = this.#wrong[0]
    if (first) {
      const before = this.faults.filter(({ at }) => at <= Date.parse(first.at)).slice(-12)
      console.log(`\nseed ${this.#options.seed}; the faults before the first that was wrong (${first.at}):`)
      before.forEach(({ at, kind, what }) => console.log(`  ${new Date(at).toISOString()} ${kind}: ${what}`))
      console.log(`what its client heard:\n  ${first.lines.slice(-25).join('\n  ')}\n`)
    }
    const checks = Object.keys(this.#checks)
    const failed = checks.filter((check) => this.countOf(check) > 0).length
    console.log(`${checks.length - failed} passed, ${failed} failed`)
  }
}
