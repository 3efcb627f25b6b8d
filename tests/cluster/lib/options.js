/* The options of tests/cluster/run. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError, folderOf, wordsOf } from '../../crowd/lib/options.js'
import { SCENARIOS, SHORT } from './scenarios.js'

export const USAGE = `Starts several machines on this one - nodes of roomd, HAProxy, Redis with Sentinels, all with
the files of deploy/ - and lets nodes come, go, die, stand still and lose each other while
clients draw through the balancer.

    tests/cluster/run [OPTION]...

    --long           all of it, each three times
    --times N        all of it, each so often
    --only A,B,...   only these, in their own order
    --older PROGRAM  the roomd of an older build, which is upgraded; without it this build
                     speaks the older version of the link
    --tls            what nodes say to each other is encrypted
    --rooms N        (24)
    --clients N      in each room (4)
    --rate N         pushes of a client per second (2)
    --originals N    rooms with two of the original's clients beside the others (1)
    --seed N         what random choices start from (another one each time)
    --artefacts DIR  where to put what is found (tests/artefacts/cluster); emptied first
    --help

${Object.entries(SCENARIOS)
  .map(([name, { what }]) => `    ${name.padEnd(12)} ${what}`)
  .join('\n')}

Without --long, --times and --only it is ${SHORT.join(', ')}.
The last line is "N passed, N failed"; the status is 1 if anything failed, 2 for a wrong option.
`

const NUMBERS = { times: 1, rooms: 24, clients: 4, rate: 2, originals: 1, seed: null }
const LEAST = { seed: 0, originals: 0 }
const LONG_TIMES = 3
const ARTEFACTS = fileURLToPath(new URL('../../artefacts/cluster', import.meta.url))

function numberOf(name, text) {
  const number = Number(text)
  if ((text ?? '').trim() === '' || !Number.isInteger(number) || number < (LEAST[name] ?? 1)) {
    throw new UsageError(`--${name} wants a number, not "${text ?? ''}"`)
  }
  return number
}

function scenariosOf(text = '') {
  const wanted = text.split(',')
  const unknown = wanted.find((name) => !Object.hasOwn(SCENARIOS, name))
  if (unknown !== undefined) {
    throw new UsageError(`there is no "${unknown}"`)
  }
  return Object.keys(SCENARIOS).filter((name) => wanted.includes(name))
}

function programOf(text = '') {
  if (!existsSync(text)) {
    throw new UsageError(`--older wants a program, not "${text}"`)
  }
  return resolve(text)
}

/* {help} or all options by name. Throws a UsageError. */
export function parseOptions(args) {
  const options = { ...NUMBERS, only: SHORT, artefacts: ARTEFACTS, older: null, tls: false, help: false }
  options.seed = Math.floor(Math.random() * 0xffffffff)
  const words = wordsOf(args)
  for (let word; (word = words.shift()) !== undefined; ) {
    const name = word.slice(2)
    if (word === '--help' || word === '-h') {
      options.help = true
    } else if (word === '--long') {
      Object.assign(options, { times: LONG_TIMES, only: Object.keys(SCENARIOS) })
    } else if (word === '--tls') {
      options.tls = true
    } else if (word === '--only') {
      options.only = scenariosOf(words.shift())
    } else if (word === '--older') {
      options.older = programOf(words.shift())
    } else if (word === '--artefacts') {
      options.artefacts = folderOf(words.shift())
    } else if (word.startsWith('--') && Object.hasOwn(NUMBERS, name)) {
      options[name] = numberOf(name, words.shift())
      name === 'times' && options.only === SHORT && (options.only = Object.keys(SCENARIOS))
    } else {
      throw new UsageError(`there is no option "${word}"`)
    }
  }
  options.originals = Math.min(options.originals, options.rooms)
  return options
}
