/* The command: in namespaces of its own already (../run). */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Random } from '../../e2e/lib/random.js'
import { UsageError } from '../../crowd/lib/options.js'
import { parseOptions, USAGE } from './options.js'
import { ClusterReport } from './report.js'
import { SCENARIOS, redisOf } from './scenarios.js'
import { remove } from './scaling.js'
import { Stage } from './stage.js'
import { olderBuild } from './upgrade.js'

const MOST_NODES = 4

function optionsOf(args) {
  try {
    return parseOptions(args)
  } catch (error) {
    if (!(error instanceof UsageError)) {
      throw error
    }
    console.error(`tests/cluster/run: ${error.message}; see --help`)
    process.exit(2)
  }
}

/* As many as a scenario wants, and clients and rooms at all of them. */
async function haveNodes(stage, count) {
  const missing = count - stage.nodes.up.length
  const idle = stage.nodes.all.filter(({ isUp }) => !isUp)
  await Promise.all(idle.slice(0, Math.max(0, missing)).map((node) => node.start()))
  while (stage.nodes.up.length > count) {
    await remove(stage)
  }
  await stage.well()
  missing === 0 || (await stage.mix())
}

/* Scenarios that share one stage. */
async function play(redis, only, options, report, random) {
  const { times } = options
  const how = only[0] === 'upgrade' ? olderBuild(options) : undefined
  const first = { redis, nodes: SCENARIOS[only[0]].nodes, how }
  const stage = await Stage.start({ ...options, nodes: MOST_NODES }, report, first)
  try {
    await stage.fill(random)
    console.log(`seed ${options.seed}: ${options.rooms * options.clients} clients in ${options.rooms} rooms`)
    for (let n = 0; n < times; n++) {
      for (const name of n > 0 ? only.filter((each) => each !== 'upgrade') : only) {
        await haveNodes(stage, SCENARIOS[name].nodes)
        await SCENARIOS[name].run(stage, options)
      }
    }
  } finally {
    await stage.stop()
  }
}

const options = optionsOf(process.argv.slice(2))
if (options.help) {
  console.log(USAGE)
  process.exit(0)
}
await rm(options.artefacts, { recursive: true, force: true })
process.env.E2E_LOGS = options.artefacts
process.env.TMPDIR = join(options.artefacts, 'tmp') // what a run that is killed leaves, the next one removes
await mkdir(process.env.TMPDIR, { recursive: true })
await writeFile(join(options.artefacts, 'report.json'), '{}') // by which the next one knows the folder
const report = new ClusterReport(options)
const random = new Random(options.seed)
for (const redis of new Set(options.only.map(redisOf))) {
  const only = options.only.filter((name) => redisOf(name) === redis)
  await play(redis, only, options, report, random).catch((error) => report.wrong('test', error.stack))
}
await writeFile(join(options.artefacts, 'report.json'), JSON.stringify(report, null, 2))
await rm(process.env.TMPDIR, { recursive: true, force: true })
report.print()
process.exit(report.isGood ? 0 : 1)
