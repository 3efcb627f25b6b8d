/* The shipped load balancers in front of two nodes: people draw through them while one node after the other
 * is stopped and started, and all that anybody loses is a socket. */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Client, putNote, readRoom } from '../e2e/lib/client.js'
import { Cluster } from '../e2e/lib/cluster.js'
import { kill } from '../e2e/lib/processes.js'
import { noteSchema } from '../e2e/lib/schemas.js'
import { SyncClient, closeAll, complaints, converge, sortMembers } from '../e2e/lib/sync.js'
import { until } from '../e2e/lib/wait.js'
import { Balancer } from './lib/balancer.js'

const ROOMS = ['a', 'b', 'c d/é', 'd']
const CLIENTS = 3 // in each
const STEP_MS = 20
/* HAProxy sees a 503 within 2 s; nginx never looks. */
const DELAY_S = { haproxy: '3', nginx: '0' }
const ARGS = ['--stop-spread', '1', '--stop-timeout', '30', '--workers', '1']

async function withBalancer(kind, body) {
  const cluster = await Cluster.start({ args: ['--stop-delay', DELAY_S[kind], ...ARGS] })
  const { nodes } = cluster
  let balancer
  try {
    const addresses = nodes.map(({ address }) => address)
    balancer = await Balancer.start(kind, addresses)
    await body(balancer, nodes)
  } catch (error) {
    throw new Error(`${error.stack}\n${balancer?.log}\n${nodes.map(({ log }) => log).join('\n')}`)
  } finally {
    await balancer?.stop()
    nodes.filter(({ isRunning }) => isRunning).forEach(({ pid }) => kill(pid, 'SIGTERM'))
    await cluster.finish() // with a second signal: in a hurry
  }
}

/* Draws until it is told to stop; counts what it has put. */
function draw(client, name) {
  const work = { done: 0, stopped: false }
  work.ended = (async () => {
    while (!work.stopped) {
      const id = `note:${name}-${work.done++}`
      client.store.put([
        { id, typeName: 'note', x: work.done, y: 0, text: name, props: { color: 'red' }, tags: [] },
      ])
      await pause(STEP_MS)
    }
  })()
  return work
}

/* Clients of a node. A check of the balancer is a connection too, for a moment. */
async function connections(node) {
  let fewest = Infinity
  for (let i = 0; i < 3; i++) {
    const text = await (await node.get('/metrics')).text()
    fewest = Math.min(fewest, Number(/^roomd_connections\{.*\} (\d+)$/m.exec(text)[1]))
  }
  return fewest
}

describe('nodes behind a load balancer', { concurrency: true }, () => {
  for (const kind of ['haproxy', 'nginx']) {
    test(`${kind}: one after the other is stopped under those who draw`, (t) =>
      withBalancer(kind, async (balancer, nodes) => {
        const people = ROOMS.flatMap((room) =>
          Array.from({ length: CLIENTS }, (_, i) => {
            const client = new SyncClient(balancer, room, { schema: noteSchema, binary: i === 1 })
            return { room, client, name: `${room}-${i}` }
          }),
        )
        t.after(() => people.forEach(({ client }) => client.close()))
        await Promise.all(people.map(({ client }) => client.ready()))
        const works = people.map(({ client, name }) => draw(client, name))
        const spread = await Promise.all(nodes.map(connections))
        assert.ok(Math.min(...spread) >= people.length / 3, `about as many here as there: ${spread}`)

        for (const [i, node] of nodes.entries()) {
          const other = nodes[1 - i]
          const before = people.map(({ client }) => client.losses)
          const here = await connections(node)
          kill(node.pid, 'SIGTERM')
          const { code } = await node.ended()
          assert.equal(code, 0, node.log)
          await until('everybody at the other node', async () => (await connections(other)) === people.length)
          const lost = people.map(({ client }, k) => client.losses - before[k])
          /* Who was at the other node has noticed nothing. */
          assert.equal(lost.filter((count) => count > 0).length, here, `sockets lost: ${lost}`)
          await node.start()
          await until('the node back in', async () => {
            const late = await Client.connect(balancer, 'late')
            await late.leave()
            return (await (await node.get('/metrics')).text()).match(/^roomd_connections_total\{.*\} [1-9]/m)
          })
        }

        works.forEach((work) => (work.stopped = true))
        await Promise.all(works.map(({ ended }) => ended))
        for (const room of ROOMS) {
          const inRoom = people.filter((person) => person.room === room)
          const documents = await converge(inRoom.map(({ client }) => client))
          const drawn = inRoom.reduce(
            (sum, { name }) => sum + works[people.findIndex((p) => p.name === name)].done,
            0,
          )
          assert.equal(
            Object.keys(documents).length,
            drawn,
            `${room}: nothing is missing, nothing is there twice`,
          )
          const told = (await readRoom(balancer, room)).documents
          assert.deepEqual(sortMembers(told), sortMembers(documents))
        }
        assert.deepEqual(complaints, [])
      }))
  }

  test('haproxy: nobody new is sent to a node that is about to stop, and who is there stays', () =>
    withBalancer('haproxy', async (balancer, [leaving, staying]) => {
      const people = await Promise.all(Array.from({ length: 4 }, (_, i) => Client.connect(balancer, `r${i}`)))
      assert.deepEqual(await Promise.all([leaving, staying].map(connections)), [2, 2])
      kill(leaving.pid, 'SIGTERM')
      await until('HAProxy knows', async () => {
        const text = await (await fetch(`http://${balancer.stats}/metrics`)).text()
        return /haproxy_server_status\{proxy="nodes",server="roomd-1",state="DOWN"\} 1/.test(text)
      })
      assert.ok(
        people.every(({ closed }) => !closed),
        'nobody is cut off for that',
      )
      for (const person of people) {
        assert.equal(await person.push({ diff: putNote('still') }), 'commit')
      }
      const late = await Client.connect(balancer, 'r0')
      assert.equal(await connections(staying), 3)
      assert.equal((await leaving.ended()).code, 0)
      assert.equal(await late.push({ diff: putNote('late') }), 'commit')
      assert.equal(people.filter(({ closed }) => closed?.code === 1012).length, 2)
      assert.equal(people.filter(({ closed }) => !closed).length, 2)
    }))
})

after(closeAll)
