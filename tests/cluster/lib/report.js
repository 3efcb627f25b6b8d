/* What came of a run of this suite: a table beside what all suites report. */
import { Report } from '../../crowd/lib/report.js'
import { percentiles } from '../../crowd/lib/pauses.js'

const CHECKS = {
  time: 'what has failed is noticed, and got round, within the time that is stated',
  taken: 'no room is taken from an owner that is there, and only out of reach',
  scaling: 'nodes come and go, and only sockets of those that go are closed',
}
const COLUMNS = [
  ['what happened', 44],
  ['times', 6],
  ['closed', 7],
  ['rooms', 6],
  ['new owner after, ms', 22],
  ['longest wait of who stayed, ms', 30],
]
const LEGEND = `rooms: that got another owner; of a node that is stopped, after the time that the balancer has to
see it. closed: sockets that did not end by their client. Times are p50 / p99 / max, of rooms and of clients.`

/* p50 / p99 / max, or a dash. */
function three(numbers) {
  const { clients, p50, p99, max } = percentiles(numbers)
  return clients === 0 ? '-' : [p50, p99, max].map(Math.round).join(' / ')
}

export class ClusterReport extends Report {
  #rows = new Map() // name to {times, closed, moved, stayed}, all of the same name together
  #figures = new Map() // stage to what its clients did
  #notes = []

  constructor(options) {
    super(options, CHECKS)
  }

  headline({ seed, rooms, clients }) {
    return `seed ${seed}: ${rooms} rooms of ${clients} behind HAProxy, ${this.seconds} s`
  }

  /* `moved`: how long each room took that got another owner; `stayed`: the longest wait of each client whose
   * connection lasted. */
  row(name, { closed, moved, stayed }) {
    const before = this.#rows.get(name) ?? { times: 0, closed: 0, moved: [], stayed: [] }
    this.#rows.set(name, {
      times: before.times + 1,
      closed: before.closed + closed,
      moved: [...before.moved, ...moved],
      stayed: [...before.stayed, ...stayed],
    })
  }

  /* A further figure, in a line. */
  note(text) {
    this.#notes.push(text)
  }

  get #lines() {
    return [...this.#rows].map(([name, { times, closed, moved, stayed }]) => {
      return [name, times, closed, moved.length, three(moved), three(stayed)]
    })
  }

  /* What the clients of a stage have done so far. */
  add(stage, figures) {
    this.#figures.set(stage, figures)
    const all = [...this.#figures.values()]
    const sum = (name) => all.reduce((total, each) => total + each[name], 0)
    this.figures = Object.fromEntries(Object.keys(figures).map((name) => [name, sum(name)]))
    this.figures.presenceMs = Math.max(...all.map(({ presenceMs }) => presenceMs))
  }

  toJSON() {
    return { ...super.toJSON(), rows: this.#lines, notes: this.#notes }
  }

  print() {
    const line = (words) => words.map((word, i) => `${word}`.padEnd(COLUMNS[i][1])).join(' ').trimEnd()
    console.log(['', line(COLUMNS.map(([name]) => name)), ...this.#lines.map(line)].join('\n'))
    console.log(LEGEND)
    this.#notes.forEach((note) => console.log(note))
    super.print()
  }
}
