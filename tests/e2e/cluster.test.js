/* Nodes that share a Redis: a room has one owner, wherever its people come in, and nobody gets in between
 * who does not know the secret. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { Client, putNote, readRoom } from './lib/client.js'
import { Cluster, HAIL, newSecret, talkTo, Wire, withCluster } from './lib/cluster.js'
import { sessionsOf, snapshotOf, update } from './lib/host.js'
import { kill } from './lib/processes.js'
import { ctl } from './lib/roomctl.js'
import { until } from './lib/wait.js'

/* Both see what the other does. */
async function drawTogether(one, other, name) {
  assert.equal(await one.push({ diff: putNote(`${name}-1`) }), 'commit')
  assert.equal(await other.push({ diff: putNote(`${name}-2`) }), 'commit')
  for (const client of [one, other]) {
    await until('both notes', () => [1, 2].every((n) => client.records.has(`note:${name}-${n}`)))
  }
}

async function metric(roomd, name) {
  const text = await (await roomd.get('/metrics')).text()
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

for (const tls of ['off', 'on']) {
  describe(`two nodes, cluster-tls ${tls}`, () => {
    let cluster
    let home // the node that owns the rooms
    let away

    before(async () => {
      cluster = await Cluster.start({ args: ['--cluster-tls', tls] })
      ;[home, away] = cluster.nodes
    })
    after(() => cluster.finish())

    test('a room is one room, wherever people come in', async () => {
      const one = await cluster.clientOfOwner(home, 'both')
      const other = await Client.connect(away, 'both', { binary: true })
      await drawTogether(one, other, 'together')
      const { owner } = await cluster.ownerOf('both')
      assert.match(await cluster.remoteOf(owner), tls === 'on' ? /^tls:127/ : /^tcp:127/)
      assert.deepEqual(one.documents, other.documents)
    })

    test('the admin port of one node reaches rooms of the other', async () => {
      const client = await cluster.clientOfOwner(home, 'hosted')
      const { changed } = await update(away, 'hosted', { puts: [putNote('host')['note:host'][1]] })
      assert.equal(changed, true)
      await client.hear('patch', ({ diff }) => diff['note:host'])
      const { documents } = await snapshotOf(away, 'hosted')
      assert.ok(documents.some(({ state }) => state.id === 'note:host'))
      assert.deepEqual(
        (await sessionsOf(away, 'hosted')).map(({ sessionId }) => sessionId),
        [client.session],
      )
      const shown = await ctl(away, 'sessions', 'hosted')
      assert.equal(shown.code, 0, shown.stderr)
    })

    test('what is large passes', async () => {
      const one = await cluster.clientOfOwner(home, 'large')
      const text = 'x'.repeat(3_000_000)
      assert.equal(await one.push({ diff: putNote('large', { text }) }), 'commit')
      const other = await Client.connect(away, 'large')
      assert.equal(other.records.get('note:large').text.length, text.length)
      assert.equal(await other.push({ diff: putNote('larger', { text: text + text }) }), 'commit')
      await until('it back', () => one.records.get('note:larger')?.text.length === 2 * text.length)
    })

    test('the owner is killed, and nobody is disconnected', async () => {
      const one = await cluster.clientOfOwner(home, 'killed')
      const other = await Client.connect(away, 'killed')
      await drawTogether(one, other, 'before')
      const { epoch } = await cluster.ownerOf('killed')
      kill(await home.child(await cluster.slotOf('killed')))
      await drawTogether(one, other, 'after')
      assert.ok((await cluster.ownerOf('killed')).epoch > epoch)
      assert.deepEqual([one.closed, other.closed], [null, null])
      assert.deepEqual(one.documents, other.documents)
    })

    test('the owner drains, and the other node follows the room', async () => {
      const one = await cluster.clientOfOwner(home, 'drained')
      const other = await Client.connect(away, 'drained')
      await drawTogether(one, other, 'before')
      const { owner } = await cluster.ownerOf('drained')
      const drain = async () => (await ctl(home, 'drain', await cluster.slotOf('drained'))).code === 0
      await until('to be drained', drain) // the other one may be just starting
      await until('another owner', async () => (await cluster.ownerOf('drained')).owner !== owner)
      await drawTogether(one, other, 'after')
      assert.deepEqual([one.closed, other.closed], [null, null])
      assert.equal((await ctl(home, 'drain', '--undo', owner)).code, 0)
    })

    test('strangers are told nothing of us, once a minute is said how many there were', async () => {
      await cluster.clientOfOwner(home, 'guarded')
      const { owner } = await cluster.ownerOf('guarded')
      const remote = await cluster.remoteOf(owner)
      const before = await metric(home, 'roomd_peers_refused_total')
      for (const noise of ['GET / HTTP/1.1\r\n\r\n', '\x01\x02\x03', 'roomd-link\x09\x01']) {
        const told = await talkTo(remote, noise)
        assert.equal(told.length <= 7, true, told.toString('hex')) // at most a TLS alert
      }
      if (tls === 'off') {
        const told = await talkTo(remote, Buffer.concat([HAIL, Buffer.alloc(12 + 32)]))
        assert.equal(told.length, 12 + 32) // the nonce
      } else {
        assert.equal((await talkTo(remote, HAIL)).includes('roomd'), false)
      }
      await until('a count', async () => (await metric(home, 'roomd_peers_refused_total')) >= before + 4)
      assert.equal(home.log.match(/was turned away/g).length, 1)
      assert.match(home.log, /turned away from=127\.0\.0\.1:\d+ why="it speaks another protocol/)
    })
  })
}

test('a node that knows another secret serves its own rooms and reaches no others', async () => {
  await withCluster({ nodes: 1 }, async (cluster, home) => {
    const stranger = await cluster.add({ secret: newSecret() })
    const one = await cluster.clientOfOwner(home, 'ours')
    await cluster.clientOfOwner(stranger, 'theirs')
    const other = await Client.open(stranger, 'ours')
    other.send({ type: 'ping' })
    assert.equal((await other.close()).code, 1013)
    await home.logged('the refusal', /turned away .*why="it does not know the secret/)
    await stranger.logged('the refusal', /another worker answers, or one that has not our secret/)
    assert.equal(home.log.match(/was turned away/g).length, 1)
    assert.equal(stranger.log.match(/has not our secret/g).length, 1)
    assert.equal(await one.push({ diff: putNote('still') }), 'commit')
  })
})

test('what goes between nodes with cluster-tls cannot be read', async () => {
  for (const tls of ['off', 'on']) {
    await withCluster({ nodes: 1, args: ['--cluster-tls', tls] }, async (cluster) => {
      const args = ['--cluster-tls', tls, '--advertise', '127.0.0.4', '--workers', '1']
      const home = await cluster.add({ host: '127.0.0.3', args })
      const one = await cluster.clientOfOwner(home, 'whispered')
      const { owner } = await cluster.ownerOf('whispered')
      const wire = await Wire.open(await cluster.remoteOf(owner), '127.0.0.3')
      const other = await Client.connect(cluster.nodes[0], 'whispered')
      await drawTogether(one, other, 'word')
      assert.equal(wire.seen.includes('whispered'), tls === 'off')
      assert.equal(wire.seen.includes('note:word-1'), tls === 'off')
      await wire.cut()
    })
  }
})

test('the secret is changed without anybody noticing', async () => {
  const secrets = [newSecret(), newSecret()]
  await withCluster({ secret: secrets[0] }, async (cluster, home, away) => {
    const one = await cluster.clientOfOwner(home, 'kept')
    const other = await Client.connect(away, 'kept')
    const steps = [
      [secrets[0], secrets[1]],
      [secrets[1], secrets[0]],
      [secrets[1]],
    ]
    for (const [step, lines] of steps.entries()) {
      for (const node of cluster.nodes) {
        await writeFile(node.secretFile, `${lines.join('\n')}\n`)
        const replaced = node.log.match(/all workers are replaced/g)?.length ?? 0
        kill(node.pid, 'SIGHUP')
        const over = () => (node.log.match(/all workers are replaced/g)?.length ?? 0) > replaced
        await until('new workers', over)
        await drawTogether(one, other, `${step}-${node.id}`)
      }
    }
    assert.equal(home.log.match(/the cluster secret is read again/g).length, steps.length)
    assert.deepEqual([one.closed, other.closed], [null, null])
    assert.doesNotMatch(home.log + away.log, /turned away|has not our secret/)

    await writeFile(home.secretFile, 'too short\n')
    kill(home.pid, 'SIGHUP')
    await home.logged('the trouble', /the cluster secret stays as it was why=.*shorter than 32 bytes/)
  })
})

test('nodes of two versions of the link serve one room', async () => {
  await withCluster({ nodes: 1 }, async (cluster, home) => {
    const older = await cluster.add({ args: ['--link-version-max', '1'] })
    for (const [owner, guest] of [
      [home, older],
      [older, home],
    ]) {
      const room = `of-${owner.id}`
      const one = await cluster.clientOfOwner(owner, room)
      const other = await Client.connect(guest, room)
      await drawTogether(one, other, 'v')
      await update(guest, room, { puts: [putNote('host')['note:host'][1]] })
      assert.deepEqual([one.closed, other.closed], [null, null])
    }
  })
})

test('only the link between two nodes is cut: clients come back another way', async () => {
  await withCluster({ nodes: 2 }, async (cluster, third, away) => {
    const home = await cluster.add({
      host: '127.0.0.3',
      args: ['--advertise', '127.0.0.4', '--workers', '1'],
    })
    const one = await cluster.clientOfOwner(home, 'split')
    const { owner, epoch } = await cluster.ownerOf('split')
    const wire = await Wire.open(await cluster.remoteOf(owner), '127.0.0.3')
    const other = await Client.connect(away, 'split')
    await drawTogether(one, other, 'before')

    await wire.cut()
    assert.equal((await other.close()).code, 1013)
    assert.match(other.closed.reason, /cannot be reached/)
    await assert.rejects(Client.open(away, 'split'), /503/, 'a balancer is to try another node')
    assert.deepEqual(await cluster.ownerOf('split'), { owner, node: home.id, epoch })
    assert.equal(await one.push({ diff: putNote('during') }), 'commit')

    const again = await Client.connect(home, 'split', { session: other.session })
    await drawTogether(one, again, 'after')
    assert.equal(one.closed, null)

    const healed = await Wire.open(await cluster.remoteOf(owner), '127.0.0.3')
    const back = await Client.connect(third, 'split')
    await drawTogether(one, back, 'healed')
    /* It sends clients to other nodes until it has found out. */
    const { documents } = await until('a way from there too', () => readRoom(away, 'split'))
    assert.ok(documents['note:during'] && documents['note:before-2'])
    await healed.cut()
  })
})
