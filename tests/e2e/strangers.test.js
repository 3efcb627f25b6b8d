/* Who comes to where a worker listens for other nodes, and is none of them, or not any more: what they get,
 * how long and how many of them are borne, and that nodes find each other meanwhile. */
import assert from 'node:assert/strict'
import { createConnection } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { Client, putNote } from './lib/client.js'
import { Cluster, HAIL, talkTo, targetOf, Wire } from './lib/cluster.js'
import { until } from './lib/wait.js'

const STRANGERS_MAX = 64
const ACCEPT_MS = 5000
const CHALLENGE = 12 + 32
const HELLO = Buffer.from('16030102000100', 'hex') // how one of TLS begins

/* Of one that listens at an address of its own, so that a wire fits before it. */
const HOME = { host: '127.0.0.3', args: ['--advertise', '127.0.0.4', '--workers', '1'] }

async function metric(roomd, name) {
  const text = await (await roomd.get('/metrics')).text()
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/* One that says `bytes` and then nothing: {open, told, after}, the last being when it was hung up on. */
function linger(remote, bytes) {
  const began = Date.now()
  const socket = createConnection(targetOf(remote))
  const state = { open: false, told: Buffer.alloc(0), after: null, socket }
  socket.on('connect', () => {
    state.open = true
    socket.write(bytes)
  })
  socket.on('data', (more) => (state.told = Buffer.concat([state.told, more])))
  socket.on('error', () => {})
  socket.on('close', () => Object.assign(state, { open: false, after: Date.now() - began }))
  return state
}

for (const tls of ['off', 'on']) {
  describe(`strangers, cluster-tls ${tls}`, { concurrency: false }, () => {
    let cluster
    let home // owns the room
    let away
    let remote // of home's only worker, without a wire before it

    before(async () => {
      const args = ['--cluster-tls', tls]
      cluster = await Cluster.start({ nodes: 1, args })
      away = cluster.nodes[0]
      home = await cluster.add({ host: HOME.host, args: [...args, ...HOME.args] })
      await cluster.clientOfOwner(home, 'guarded')
      const { owner } = await cluster.ownerOf('guarded')
      remote = (await cluster.remoteOf(owner)).replace('127.0.0.4', HOME.host)
    })
    after(() => cluster.finish())

    test('who stops in the middle of a handshake is hung up on after 5 s', async () => {
      const said = tls === 'on' ? ['', HELLO] : ['', HAIL.subarray(0, 20), HAIL]
      const all = said.map((bytes) => linger(remote, bytes))
      await until('all to be hung up on', () => all.every(({ after }) => after !== null))
      for (const { after } of all) {
        assert.ok(after >= ACCEPT_MS - 200 && after < ACCEPT_MS + 3000, `${after} ms`)
      }
      const told = all.map((each) => each.told.length)
      assert.deepEqual(told, tls === 'on' ? [0, 0] : [0, 0, CHALLENGE])
    })

    test('a recording of another node is worth nothing', async () => {
      const { owner } = await cluster.ownerOf('guarded')
      const wire = await Wire.open(await cluster.remoteOf(owner), HOME.host)
      const client = await Client.connect(away, 'guarded')
      assert.equal(await client.push({ diff: putNote('recorded') }), 'commit')
      assert.ok(wire.said.length > HAIL.length)
      const told = await talkTo(remote, wire.said)
      if (tls === 'off') {
        assert.equal(told.length, CHALLENGE)
        assert.notDeepEqual(told, wire.seen.subarray(0, CHALLENGE))
      } else {
        assert.equal(told.includes('guarded'), false)
      }
      assert.equal(client.closed, null)
      await wire.cut()
    })

    test('a crowd of them is bounded, is gone in time, and keeps no node out', async () => {
      const refused = await metric(home, 'roomd_peers_refused_total')
      const crowd = Array.from({ length: 4 * STRANGERS_MAX }, () => linger(remote, ''))
      await until('most to be hung up on', () => crowd.filter(({ open }) => open).length <= STRANGERS_MAX)
      const { owner } = await cluster.ownerOf('guarded')
      const wire = await Wire.open(await cluster.remoteOf(owner), HOME.host)
      const client = await Client.connect(away, 'guarded') // a link is made while they are there
      assert.equal(await client.push({ diff: putNote('meanwhile') }), 'commit')
      await until('none to be left', () => crowd.every(({ after }) => after !== null))
      assert.ok(Math.max(...crowd.map(({ after }) => after)) < ACCEPT_MS + 5000)
      const count = (await metric(home, 'roomd_peers_refused_total')) - refused
      assert.ok(count >= crowd.length, `${count}`)
      assert.equal(home.log.match(/was turned away/g).length, 1)
      assert.equal(client.closed, null)
      await wire.cut()
    })
  })
}
