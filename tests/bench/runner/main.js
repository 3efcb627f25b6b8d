/* tests/bench/run, once everything is built: see --help. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, release } from 'node:os'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { checkAll } from './load.js'
import { short } from './numbers.js'
import { drawPlot } from './plots.js'
import { BUILD, ORIGINAL } from './servers.js'

const NAMES = ['fanout', 'latency', 'joins', 'memory', 'slow', 'growth', 'steps', 'largest', 'start', 'scaling']
/* What --quick does if nothing is named: the others take minutes even so. */
const QUICK_NAMES = ['fanout', 'latency', 'joins', 'memory', 'slow', 'growth', 'start']
const ARTEFACTS = fileURLToPath(new URL('../../artefacts/bench', import.meta.url))
const PLOTS = fileURLToPath(new URL('../plots', import.meta.url))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    runs: { type: 'string' },
    row: { type: 'string', multiple: true },
    server: { type: 'string', multiple: true },
    'save-plots': { type: 'boolean', default: false },
  },
})
const unknown = positionals.filter((name) => !NAMES.includes(name))
if (unknown.length) {
  console.error(`tests/bench/run: no scenario ${unknown.join(' ')}; there are ${NAMES.join(' ')}`)
  process.exit(2)
}
values.check && checkAll()
const runs = Number(values.runs ?? (values.quick ? 1 : 3))

const machine = {
  cores: availableParallelism(),
  processor: cpus()[0]?.model,
  kernel: release(),
  node: process.version,
  load: loadavg(),
}

/* The schema that clients say they have. */
const { createTLSchema } = await import(join(ORIGINAL, 'node_modules/@tldraw/tlschema/dist-esm/index.mjs'))
await writeFile(join(BUILD, 'bench-schema.json'), JSON.stringify(createTLSchema().serialize()))

const hasSqlite =
  existsSync(join(ORIGINAL, 'node_modules/better-sqlite3/build/Release/better_sqlite3.node')) ||
  process.versions.node.split('.')[0] >= 23
const has = (server) => (hasSqlite || server !== 'original WAL') && (!values.server || values.server.includes(server))

function complain(what, { generator, wrong, missing, closed, failure }) {
  const doubts = []
  generator?.cores > 0.9 && doubts.push(`the generator was busy for ${short(generator.cores * 100)} % of the time`)
  generator?.lateP99 > 20 && doubts.push(`pushes were up to ${short(generator.lateP99)} ms late (p99)`)
  wrong && doubts.push(`${wrong} messages were wrong: ${failure}`)
  missing && doubts.push(`${missing} pushes were acknowledged and are gone: ${failure}`)
  closed && doubts.push(`${closed} clients were sent away: ${failure}`)
  doubts.forEach((doubt) => console.error(`      ${what}: ${doubt}`))
}

async function runScenario(name) {
  const scenario = await import(`./scenarios/${name}.js`)
  const cases = scenario
    .cases({ quick: values.quick, has })
    .filter(({ row }) => !values.row || values.row.includes(row))
  const results = []
  for (let run = 0; run < runs; run++) {
    for (const { row, server, measure } of cases) {
      console.error(`${name}, run ${run + 1} of ${runs}: ${row}, ${server}`)
      const figures = await measure()
      results.push({ row, server, run, figures })
      complain(`${row}, ${server}`, figures)
    }
  }
  console.log(`\n== ${name}: ${scenario.about}\n`)
  console.log(scenario.report(results))
  for (const plot of scenario.plots?.(results) ?? []) {
    await drawPlot(plot, ARTEFACTS)
    values['save-plots'] && (await copyFile(join(ARTEFACTS, plot.file), join(PLOTS, plot.file)))
  }
  return { name, results }
}

const busy = machine.load[0]
if (busy > 0.5) {
  console.error(`tests/bench/run: other programs keep this machine busy (load ${busy}); figures will be off`)
}
const chosen = positionals.length ? positionals : values.quick ? QUICK_NAMES : NAMES
const scenarios = []
await mkdir(ARTEFACTS, { recursive: true })
await mkdir(PLOTS, { recursive: true })
for (const name of chosen) {
  scenarios.push(await runScenario(name))
  await writeFile(join(ARTEFACTS, 'results.json'), JSON.stringify({ machine, runs, quick: values.quick, scenarios }, null, 1))
}
const minutes = short(performance.now() / 60000)
console.log(`\n${machine.cores} cores of ${machine.processor}, Linux ${machine.kernel}, Node ${machine.node}, ${runs} runs, ${minutes} minutes`)
process.exit(0)
