/* Which ends of connections have a cause. All others are failures: a worker that dies, stands still, leaves
 * or is replaced, and a Redis that is away for less than a minute, close nothing. */

const NOTICED_MS = 3000 // a busy machine, and a clients' thread that is behind
const OWNER_WAIT_MS = 10000 // the longest wait for an owner before the connect reply
const PATIENCE_MS = 15000 // of a client that hears nothing

export const GATEWAYS_DIE = ['gateway-kill', 'supervisor-kill']

/* Some fault of these kinds, or of any, was at work within `before` ms before. */
function hit(faults, at, before, kinds) {
  return faults.some(
    (fault) => (!kinds || kinds.includes(fault.kind)) && fault.at <= at && at <= fault.until + before,
  )
}

/* The cause in a few words, or null. The end is {at, wasOnline}, and {code} if the server's, {why} if the
 * client's. */
export function causeOf({ at, code, why, wasOnline }, faults) {
  if (code === 1006 && hit(faults, at, NOTICED_MS, GATEWAYS_DIE)) {
    return 'its gateway died'
  }
  if (why && hit(faults, at, PATIENCE_MS, ['gateway-stop'])) {
    return 'its gateway stood still'
  }
  if ((why || code === 1013) && !wasOnline && hit(faults, at, OWNER_WAIT_MS)) {
    return 'no owner within 10 s, before the connect reply'
  }
  return null
}
