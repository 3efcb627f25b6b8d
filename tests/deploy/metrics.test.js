/* Alerts and the dashboard ask for metrics that a roomd serves, with labels that they have, in PromQL that
 * Prometheus can read. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Client, putNote } from '../e2e/lib/client.js'
import { Roomd, removeFolder, temporaryFolder } from '../e2e/lib/roomd.js'
import { read, readYaml, run } from './lib/files.js'

const OUTSIDE_LABELS = ['job', 'instance', 'severity'] // Prometheus' own

const dashboard = JSON.parse(read('grafana/dashboards/roomd.json'))
const rules = readYaml('prometheus/alerts.yml').groups.flatMap((group) => group.rules)
const panels = dashboard.panels.filter(({ type }) => type !== 'row')
const queries = [
  ...rules.map(({ alert, expr }) => [`alert ${alert}`, expr]),
  ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [`panel ${title}`, expr])),
  ...dashboard.annotations.list.map(({ name, expr }) => [`annotation ${name}`, expr]),
]

describe('metrics', () => {
  let roomd
  const served = new Map() // name to the set of its labels

  before(async () => {
    roomd = await Roomd.start({ args: ['--workers', '1'] })
    const client = await Client.connect(roomd, 'r')
    await client.push({ diff: putNote('1') })
    const text = await (await roomd.get('/metrics')).text()
    for (const [, name, labels] of text.matchAll(/^(\w+)\{(.*)\} \S+$/gm)) {
      const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label)
      served.set(name, new Set([...(served.get(name) ?? []), ...names]))
    }
    await client.leave()
  })
  after(() => roomd.finish())

  for (const [name, expr] of queries) {
    test(`${name} asks for what there is`, () => {
      const asked = [...expr.matchAll(/\broomd_\w+/g)].map(([metric]) => metric)
      assert.ok(asked.length > 0 || /\bup\b/.test(expr), expr)
      assert.deepEqual(
        asked.filter((metric) => !served.has(metric)),
        [],
      )
      const known = new Set([...OUTSIDE_LABELS, ...asked.flatMap((metric) => [...served.get(metric)])])
      const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => list.split(/, */))
      const matched = [...expr.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label]) => label)
      assert.deepEqual(
        [...grouped, ...matched].filter((label) => !known.has(label)),
        [],
      )
    })
  }

  test('every query is PromQL', async () => {
    const folder = await temporaryFolder()
    const rules = queries.map(([, expr], i) => ({
      record: `query:${i}`,
      expr: expr.replaceAll('$node', '.*'),
    }))
    const path = join(folder, 'rules.yml')
    await writeFile(path, JSON.stringify({ groups: [{ name: 'queries', rules }] }))
    const { code, output } = await run('promtool', ['check', 'rules', path])
    assert.equal(code, 0, output)
    await removeFolder(folder)
  })

  test('panels have names of their own and do not overlap', () => {
    const ids = dashboard.panels.map(({ id }) => id)
    assert.equal(new Set(ids).size, ids.length)
    const taken = new Set()
    for (const { title, gridPos } of dashboard.panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, title)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(!taken.has(`${x},${y}`), title)
          taken.add(`${x},${y}`)
        }
      }
    }
  })

  test('datasource and folder are those that Grafana is provisioned with', () => {
    const [source] = readYaml('grafana/provisioning/datasources/prometheus.yaml').datasources
    const text = read('grafana/dashboards/roomd.json')
    const uids = [...text.matchAll(/"uid": "(\w+)"/g)].map(([, uid]) => uid)
    assert.deepEqual([...new Set(uids)].sort(), ['prometheus', 'roomd'])
    assert.equal(source.uid, 'prometheus')
    const [provider] = readYaml('grafana/provisioning/dashboards/roomd.yaml').providers
    const { volumes, environment } = readYaml('compose.yaml').services.grafana
    assert.ok(volumes.includes(`./grafana/dashboards:${provider.options.path}:ro`))
    assert.equal(environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH, `${provider.options.path}/roomd.json`)
  })

  test('every alert says for whom it is, and the handbook what to do', () => {
    const handbook = read('README.md')
    for (const { alert, labels, annotations } of rules) {
      assert.match(labels.severity, /^(page|ticket)$/, alert)
      assert.ok(annotations.summary, alert)
      assert.ok(handbook.includes(`**${alert}** (${labels.severity})`), `deploy/README.md has nothing about ${alert}`)
    }
    const written = [...handbook.matchAll(/^- \*\*(Roomd\w+)\*\*/gm)].map(([, alert]) => alert)
    assert.deepEqual(written, rules.map(({ alert }) => alert), 'in the order of the rules')
  })
})
