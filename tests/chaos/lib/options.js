/* The options of tests/chaos/run. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError, folderOf, wordsOf } from '../../crowd/lib/options.js'
import { availableKinds, WEIGHTS } from './faults.js'

export const USAGE = `Lets processes of a roomd die, stand still and be replaced while clients draw, and checks
that nothing that was acknowledged is lost, nothing is applied twice, nobody is thrown out,
and all agree in the end.

    tests/chaos/run [OPTION]...

    --seed N         what random choices start from (another one each time)
    --faults N       how many faults, all in all (200)
    --round N        faults between two checks (25)
    --kinds A,B,...  only these kinds (all that there are)
    --rooms N        rooms for measuring pauses (200)
    --clients N      clients in each room (5)
    --measures N     how often each kind is measured, alone; 0: not at all (2)
    --storm-rooms N  rooms for what comes after that, many faults at once (40)
    --gap MS         the mean time between two of those (350)
    --rate N         pushes of a client per second in the storm (2); when pauses are
                     measured it is 1
    --workers N      (4)
    --gateways N     (2)
    --originals N    rooms with two of the original's clients beside the others (2)
    --artefacts DIR  where to put what is found (tests/artefacts/chaos); emptied first
    --keep           keep the data also if all is well
    --help

kinds: ${Object.keys(WEIGHTS).join(', ').replace(/(.{1,80},) /g, '$1\n       ')}

What went wrong is in DIR: the report, the server's log, its data, and of the clients that
noticed it their last messages. The last line is "N passed, N failed"; the status is 1 if
anything failed, 2 for a wrong option.
`

const NUMBERS = {
  seed: null,
  faults: 200,
  round: 25,
  rooms: 200,
  clients: 5,
  measures: 2,
  'storm-rooms': 40,
  gap: 350,
  rate: 2,
  workers: 4,
  gateways: 2,
  originals: 2,
}
const ARTEFACTS = fileURLToPath(new URL('../../artefacts/chaos', import.meta.url))
const LEAST = { faults: 0, measures: 0, seed: 0, originals: 0, rate: 0 }

function numberOf(name, text) {
  const number = Number(text)
  const isOne = (text ?? '').trim() !== '' && (name === 'rate' ? number > 0 : Number.isInteger(number))
  if (!isOne || number < (LEAST[name] ?? 1)) {
    throw new UsageError(`--${name} wants a number, not "${text ?? ''}"`)
  }
  return number
}

function kindsOf(text = '') {
  const there = availableKinds()
  return text.split(',').map((kind) => {
    if (!Object.hasOwn(WEIGHTS, kind)) {
      throw new UsageError(`there is no kind "${kind}"`)
    }
    if (!there.includes(kind)) {
      throw new UsageError(`${kind} needs roomctl, which this build has not`)
    }
    return kind
  })
}

/* {help} or all options by name. Throws a UsageError. */
export function parseOptions(args) {
  const options = { ...NUMBERS, kinds: availableKinds(), artefacts: ARTEFACTS, keep: false, help: false }
  options.seed = Math.floor(Math.random() * 0xffffffff)
  const words = wordsOf(args)
  for (let word; (word = words.shift()) !== undefined; ) {
    const name = word.slice(2)
    if (word === '--help' || word === '-h') {
      options.help = true
    } else if (word === '--keep') {
      options.keep = true
    } else if (word === '--kinds') {
      options.kinds = kindsOf(words.shift())
    } else if (word === '--artefacts') {
      options.artefacts = folderOf(words.shift())
    } else if (word.startsWith('--') && Object.hasOwn(NUMBERS, name)) {
      options[name] = numberOf(name, words.shift())
    } else {
      throw new UsageError(`there is no option "${word}"`)
    }
  }
  options['storm-rooms'] = Math.min(options['storm-rooms'], options.rooms)
  options.originals = Math.min(options.originals, options['storm-rooms'])
  return options
}
