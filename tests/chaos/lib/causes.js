/* Which ends of connections have a cause. All others are failures: a worker that dies, stands still, leaves
 * or is replaced, and a Redis that is away for less than a minute, close nothing. */

const NOTICED_MS = 3000 // a busy machine, and a client's thread that is behind
const OWNER_WAIT_MS = 10000 // the longest wait for an owner before the connect reply
const CLIENTS_PATIENCE_MS = 10000

const GATEWAYS_DIE = ['gateway-kill', 'supervisor-kill']
const GATEWAYS_STAND = ['gateway-stop']

/* Some fault of these kinds, or of any, was at work within `before` ms before. */
function hit(faults, at, before, kinds) {
  return faults.some(
    (fault) => (!kinds || kinds.includes(fault.kind)) && fault.at <= at && at <= fault.until + before,
  )
}

/* The cause of a socket's end, {at, code, wasOnline}, in a few words, or null. */
export function causeOf({ at, code, wasOnline }, faults) {
  if (code === 1006 && hit(faults, at, NOTICED_MS, GATEWAYS_DIE)) {
    return 'its gateway died'
  }
  if (code === 1013 && !wasOnline && hit(faults, at, OWNER_WAIT_MS)) {
    return 'no owner within 10 s, before the connect reply'
  }
  return null
}

/* The same for a client that gave its connection up because it heard nothing, {at, state}. */
export function causeOfSilence({ at, state }, faults) {
  if (hit(faults, at, CLIENTS_PATIENCE_MS, GATEWAYS_STAND)) {
    return 'its gateway stood still'
  }
  if (state !== 'online' && hit(faults, at, OWNER_WAIT_MS)) {
    return 'no owner, before the connect reply'
  }
  return null
}
