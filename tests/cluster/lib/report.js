/* What came of a run of this suite: a table beside what all suites report. */
import { Report } from '../../crowd/lib/report.js'
import { percentiles } from '../../crowd/lib/pauses.js'

const CHECKS = {
  time: 'what has failed is noticed, and got round, within the time that is stated',
  scaling: 'nodes come and go, and only sockets of those that go are closed',
}
const COLUMNS = [
  ['what happened', 34],
  ['closed', 7],
  ['rooms', 6],
  ['new owner after, ms', 22],
  ['longest wait of who stayed, ms', 30],
]

/* p50 / p99 / max, or a dash. */
function three(numbers) {
  const { clients, p50, p99, max } = percentiles(numbers)
  return clients === 0 ? '-' : [p50, p99, max].map(Math.round).join(' / ')
}

export class ClusterReport extends Report {
  #rows = []
  notes = [] // further figures, a line each

  constructor(options) {
    super(options, CHECKS)
  }

  headline({ seed, rooms, clients }) {
    return `seed ${seed}: ${rooms} rooms of ${clients} behind HAProxy, ${this.seconds} s`
  }

  /* `moved`: how long each room took that got another owner; `stayed`: the longest wait of each client whose
   * connection lasted. */
  row(name, { closed, moved, stayed }) {
    this.#rows.push([name, closed, moved.length, three(moved), three(stayed)])
  }

  toJSON() {
    return { ...super.toJSON(), rows: this.#rows, notes: this.notes }
  }

  print() {
    const line = (words) => words.map((word, i) => `${word}`.padEnd(COLUMNS[i][1])).join(' ').trimEnd()
    console.log(['', line(COLUMNS.map(([name]) => name)), ...this.#rows.map(line)].join('\n'))
    console.log('(closed: sockets that did not end by their client; times: p50 / p99 / max)')
    console.log(this.notes.join('\n'))
    super.print()
  }
}
