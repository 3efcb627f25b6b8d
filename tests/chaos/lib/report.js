/* What came of a run of this suite. */
import { Report } from '../../crowd/lib/report.js'

const CHECKS = { durable: 'all is there after everything was killed and started again' }

export class ChaosReport extends Report {
  constructor(options) {
    super(options, CHECKS)
  }

  headline({ seed, rooms, clients, workers, gateways }) {
    return `seed ${seed}: ${rooms} rooms of ${clients}, ${workers} workers, ${gateways} gateways, ${this.seconds} s`
  }
}
