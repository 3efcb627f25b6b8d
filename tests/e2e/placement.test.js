/* Which node gets a room, and how rooms come to be where there is less to do: placement by measured
 * load and weight, nodes that drain, rooms moved between nodes, rebalancing by hand and by itself. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, note, putNote, readRoom, SCHEMA } from './lib/client.js'
import { Cluster, withCluster } from './lib/cluster.js'
import { check, drawers } from './lib/drawer.js'
import { done, refusal, roomPath } from './lib/host.js'
import { kill, startProcess } from './lib/processes.js'
import { ctl, ctlJson, PROGRAM } from './lib/roomctl.js'
import { soon, until } from './lib/wait.js'

const FAILED = 1
const UNREACHABLE = 3
const CROWD = 480 // sessions; 400 more than another one is clearly more
/* These clients say nothing for long. */
const QUIET = ['--idle-timeout', '0']
const ALONE = ['--workers', '1', '--rebalance', 'off', ...QUIET]

const named = (name, count) => Array.from({ length: count }, (_, i) => `${name} ${i}`)

/* So many clients in each room. */
async function fill(node, rooms, each) {
  const clients = []
  for (const room of rooms) {
    clients.push(...(await Promise.all(Array.from({ length: each }, () => Client.connect(node, room)))))
  }
  return clients
}

/* How many of the rooms each node owns, by its id. */
async function owners(cluster, rooms) {
  const counts = Object.fromEntries(cluster.nodes.map(({ id }) => [id, 0]))
  for (const room of rooms) {
    counts[(await cluster.ownerOf(room)).node]++
  }
  return counts
}

const workersOf = async (asked, node) => (await ctlJson(asked, 'workers')).filter((worker) => worker.node === node.id)
const nodeOf = async (asked, node) => (await ctlJson(asked, 'nodes')).find(({ id }) => id === node.id)

async function metric(roomd, name) {
  const text = await (await roomd.get('/metrics')).text()
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/* Until its gateway has read that a worker has at least so much load. */
async function hasLoad(node, points) {
  const seen = async () => (await workersOf(node, node)).every((worker) => worker.load >= points)
  await until(`a load of ${points}`, seen)
}

/* Opens rooms at a node until one is owned by the node wanted; returns its name. */
function placedAt(cluster, from, want, name) {
  let tries = 0
  return until(`a room at ${want.id}`, async () => {
    const room = `${name} ${tries++}`
    await (await Client.connect(from, room)).leave()
    return (await cluster.ownerOf(room)).node === want.id && room
  })
}

/* Nothing to make, and much to take in. */
function snapshotText(count, text) {
  const documents = Array.from({ length: count }, (_, i) => ({ state: note(i, { text }), lastChangedClock: 0 }))
  return JSON.stringify({ documents, schema: SCHEMA })
}

describe('placement', () => {
  test('prefers the node that a room’s first client comes to', () =>
    withCluster({ nodes: 2 }, async (cluster) => {
      for (const node of cluster.nodes) {
        const rooms = named(`at ${node.id}`, 12)
        await fill(node, rooms, 1)
        assert.equal((await owners(cluster, rooms))[node.id], rooms.length)
        const shares = (await workersOf(node, node)).map((worker) => worker.rooms)
        await until('both workers to have some', async () =>
          (await workersOf(node, node)).every((worker) => worker.rooms >= 2),
        ).catch((error) => assert.fail(`${error.message}: ${shares}`))
      }
    }))

  test('spills over from a node that has clearly more sessions, by weight', () =>
    withCluster({ nodes: 1, args: ALONE }, async (cluster, light) => {
      const away = await cluster.add({ args: ALONE })
      const heavy = await cluster.add({ args: [...ALONE, '--weight', '10'] })
      for (const node of [light, heavy]) {
        await fill(node, [`crowd ${node.id}`], CROWD)
      }
      await hasLoad(light, CROWD)
      await until('what everybody says of it', async () => (await workersOf(heavy, heavy))[0].sessions === CROWD)
      const [loaded] = await workersOf(away, heavy)
      assert.equal(loaded.weight, 10)
      assert.equal(loaded.load, Math.floor(loaded.points / 10))
      assert.ok(loaded.points >= CROWD && loaded.load < CROWD / 2, JSON.stringify(loaded))

      const rooms = named('of the heavy one', 6)
      await fill(heavy, rooms, 1)
      assert.equal((await owners(cluster, rooms))[heavy.id], rooms.length)
      const spilled = await placedAt(cluster, light, away, 'spilled')
      assert.equal((await readRoom(light, spilled)).closed, undefined)
    }))

  test('counts measured CPU: what sessions alone do not do, they do while the node works', () =>
    withCluster({ nodes: 1, args: ALONE }, async (cluster, busy) => {
      const idle = await cluster.add({ args: ALONE })
      await fill(busy, ['crowd'], 340)
      await hasLoad(busy, 340)
      await cluster.clientOfOwner(busy, 'quiet')
      const snapshots = ['one', 'other'].map((text) => snapshotText(20000, text))
      let over = false
      const workIn = async (room) => {
        for (let round = 0; !over; round++) {
          await done(busy, 'PUT', roomPath(room, 'snapshot'), snapshots[round % 2])
        }
      }
      const work = Promise.all(['work', 'more', 'most'].map(workIn))
      const cpu = async () => (await workersOf(idle, busy))[0].cpu
      await Promise.race([work, until('a measured CPU', async () => (await cpu()) > 25)])
      const [worker] = await workersOf(idle, busy)
      assert.ok(worker.sessions >= 340)
      assert.equal(worker.points, worker.sessions + 4 * worker.cpu)
      await placedAt(cluster, busy, idle, 'spilled')
      over = true
      await work
      await placedAt(cluster, busy, busy, 'back')
    }))
})

describe('the cluster as operators see it', () => {
  let cluster, home, away

  before(async () => {
    cluster = await Cluster.start({ nodes: 0 })
    home = await cluster.add({ args: ['--rebalance', 'off'] })
    away = await cluster.add({ args: ['--workers', '1', '--weight', '3', '--rebalance', 'off'] })
    await fill(home, ['a', 'b'], 2)
    await fill(away, ['c'], 1)
    const seen = async (node) => (await nodeOf(away, node)).sessions
    await until('figures', async () => (await seen(home)) === 4 && (await seen(away)) === 1)
  })
  after(() => cluster.finish())

  test('nodes', async () => {
    const nodes = await ctlJson(away, 'nodes')
    assert.deepEqual(nodes.map(({ id }) => id).sort(), [home.id, away.id].sort())
    const shown = nodes.find(({ id }) => id === home.id)
    assert.deepEqual(
      { ...shown, cpu: 0, load: 0, version: '' },
      {
        id: home.id,
        own: false,
        workers: 2,
        taking: 2,
        rooms: 2,
        sessions: 4,
        cpu: 0,
        weight: 1,
        load: 0,
        draining: false,
        draining_since: null,
        version: '',
      },
    )
    assert.match(shown.version, /^\d+\.\d+\.\d+$/)
    const { stdout } = await ctl(away, 'nodes')
    assert.match(stdout, /^NODE +WORKERS +ROOMS +SESSIONS +CPU +LOAD +WEIGHT +VERSION +REMARKS\n/)
    assert.match(stdout, new RegExp(`\n${away.id}\\* +1 +1 +1 +\\d+\\.\\d% +\\d+ +3 +`))
    assert.match(stdout, new RegExp(`\n${home.id}  +2 +2 +4 +\\d+\\.\\d% +\\d+ +1 +`))
  })

  test('workers', async () => {
    const workers = await ctlJson(away, 'workers')
    assert.equal(workers.length, 3)
    const [own] = workers.filter(({ node }) => node === away.id)
    assert.deepEqual([own.worker, own.rooms, own.sessions, own.weight], ['worker-1', 1, 1, 3])
    assert.equal(own.pid, await away.child('worker-1'))
    const others = workers.filter(({ node }) => node === home.id)
    assert.deepEqual(
      others.map(({ worker, in_reach, draining }) => [worker, in_reach, draining]),
      [
        [null, true, false],
        [null, true, false],
      ],
    )
    const { stdout } = await ctl(home, 'workers')
    assert.equal(stdout.trim().split('\n').length, 4)
    assert.match(stdout, /^ID +NODE +NAME +PID +ROOMS +SESSIONS +CPU +LOAD +WEIGHT +VERSION +REMARKS\n/)
  })

  test('rooms --node', async () => {
    const of = async (...args) => (await ctlJson(away, 'rooms', ...args)).map(({ id }) => id)
    assert.deepEqual(await of('--node', home.id), ['a', 'b'])
    assert.deepEqual(await of('--node', away.id), ['c'])
    assert.deepEqual(await of('--node', 'none'), [])
    assert.deepEqual(await of('--node', away.id, '--worker', (await cluster.ownerOf('a')).owner), [])
    assert.match((await ctl(away, 'rooms', '--node', away.id)).stdout, /^ROOM .*LOAD.*\nc +open +/)
  })

  test('move takes rooms to other nodes, and from them', async () => {
    const crowd = [...(await drawers(home, ['m'])), ...(await drawers(away, ['m']))]
    const [near] = await workersOf(home, home)
    const [far] = await workersOf(home, away)
    /* Asked are the owner's node, then the one that gets it; and back. */
    for (const [asked, to] of [
      [home, far],
      [home, near],
      [away, far],
      [away, near],
    ]) {
      const { owner, epoch } = await cluster.ownerOf('m')
      const { code, stdout, stderr } = await ctl(asked, 'move', 'm', to.id)
      assert.deepEqual([code, stderr], [0, ''])
      const name = asked.id === to.node ? String.raw`worker-\d \(${to.id}\)` : `${to.id} of node ${to.node}`
      assert.match(stdout, owner === to.id ? /already/ : new RegExp(`^m: moved from ${owner} to ${name}, epoch ${epoch + 1}\n$`))
      assert.equal((await cluster.ownerOf('m')).owner, to.id)
      await Promise.all(crowd.map((drawer) => drawer.goesOn()))
    }
    await check(home, 'm', crowd)
  })

  test('move and drain say why not', async () => {
    const [far] = await workersOf(home, away)
    const cases = [
      [['move', 'a', 'nowhere-w1-x'], /no such worker: "nowhere-w1-x" is none of this node/],
      [['move', 'nowhere', far.id], /no such room/],
      [['drain', 'nowhere'], /no such worker or node: "nowhere" is none of this node.*no node of the cluster/],
      [['drain', 'nowhere', '--off'], /no such worker or node/],
    ]
    for (const [args, why] of cases) {
      const { code, stdout, stderr } = await ctl(home, ...args)
      assert.deepEqual([code, stdout], [FAILED, ''], args.join(' '))
      assert.match(stderr, why)
    }
    assert.equal(await refusal(home, 'POST', '/v1/nodes/nowhere/drain'), '404 no-node')
    await cluster.ask('SADD', 'roomd:workers', 'lone-w1-x')
    await cluster.ask('HSET', 'roomd:worker:lone-w1-x', 'node', 'lone', 'address', 'unix:/nowhere')
    const { stderr } = await ctl(home, 'move', 'a', 'lone-w1-x')
    assert.match(stderr, /lone-w1-x is of node lone, whose workers other nodes do not reach/)
    assert.match((await ctl(home, 'workers')).stdout, /lone-w1-x.*cannot be reached from here/)
    await cluster.ask('DEL', 'roomd:worker:lone-w1-x')
  })
})

describe('drain NODE', () => {
  test('moves all of its rooms to other nodes under those who draw, and holds', () =>
    withCluster({ nodes: 2 }, async (cluster, home, away) => {
      const rooms = named('drained', 6)
      const crowd = [...(await drawers(home, rooms)), ...(await drawers(away, rooms))]
      assert.equal((await owners(cluster, rooms))[home.id], rooms.length)

      const { code, stdout, stderr } = await ctl(away, 'drain', home.id)
      assert.deepEqual([code, stderr], [0, ''])
      assert.match(stdout, new RegExp(`^${home.id}: drained in \\d+\\.\\d s, has no rooms and gets none\n$`))
      assert.equal((await owners(cluster, rooms))[away.id], rooms.length)
      await Promise.all(crowd.map((drawer) => drawer.goesOn()))
      assert.equal(await metric(home, 'roomd_moves_drain_total'), rooms.length)
      assert.ok(await cluster.ask('HGET', 'roomd:draining', home.id))

      /* It takes nothing new, and load balancers send nobody. */
      const late = await Client.connect(home, 'late')
      assert.equal((await cluster.ownerOf('late')).node, away.id)
      for (const url of [`http://${home.admin}/readyz`, `${home.http}/readyz`]) {
        await until(`a no of ${url}`, async () => (await fetch(url)).status === 503)
      }
      const shown = await nodeOf(away, home)
      assert.deepEqual([shown.draining, shown.taking, shown.rooms], [true, 0, 0])
      assert.match((await ctl(home, 'nodes')).stdout, /draining since \d{4}-/)
      assert.deepEqual(await ctlJson(home, 'drain', home.id, '--no-wait'), {
        node: home.id,
        draining: true,
        changed: false,
        drained: false,
      })
      const undo = await ctl(home, 'drain', '--undo', 'worker-1')
      assert.equal(undo.code, FAILED)
      assert.match(undo.stderr, /draining because its node is/)

      /* Nor does a worker that is started again. */
      await home.replace('worker-1')
      await until('both to drain', async () => {
        const workers = await workersOf(away, home)
        return workers.length === 2 && workers.every(({ draining }) => draining)
      })

      assert.equal((await ctl(away, 'drain', home.id, '--off')).stdout, `${home.id}: takes rooms again\n`)
      assert.equal(await cluster.ask('HGET', 'roomd:draining', home.id), null)
      await placedAt(cluster, home, home, 'again')
      await until('ready', async () => (await home.get('/readyz')).status === 200)
      for (const room of rooms) {
        await check(home, room, crowd.filter((drawer) => drawer.room === room))
      }
      assert.equal(late.closed, null)
    }))

  test('holds over a restart of the node', () =>
    withCluster({ nodes: 2 }, async (cluster, home, away) => {
      await ctl(home, 'drain', home.id, '--no-wait')
      assert.equal((await home.stop()).code, 0)
      const early = named('early', 8)
      const knocking = early.map((room) => until(room, () => Client.connect(home, room)))
      await home.start()
      await fill(home, named('later', 8), 1)
      await Promise.all(knocking)
      for (const rooms of [early, named('later', 8)]) {
        assert.equal((await owners(cluster, rooms))[away.id], rooms.length)
        for (const room of rooms) {
          assert.equal((await cluster.ownerOf(room)).epoch, 1, room) // it was nowhere else before
        }
      }
      assert.ok((await workersOf(home, home)).every(({ draining }) => draining))
      assert.equal((await home.get('/readyz')).status, 503)

      /* Nor by workers that take the place of these. */
      kill(home.pid, 'SIGHUP')
      await home.logged('new workers', /all workers are replaced/)
      await fill(home, named('last', 8), 1)
      assert.equal((await owners(cluster, named('last', 8)))[away.id], 8)
      assert.equal((await ctl(home, 'drain', home.id, '--off')).code, 0)
      await placedAt(cluster, home, home, 'again')
    }))

  test('nobody else there: what is new waits, and is sent away, and who is there stays', () =>
    withCluster({ nodes: 2, args: ALONE }, async (cluster, home, away) => {
      await cluster.clientOfOwner(away, 'kept')
      const { owner } = await cluster.ownerOf('kept')
      assert.equal((await ctl(home, 'drain', home.id)).code, 0)
      const guest = await Client.connect(home, 'kept')
      await away.kill()
      const late = await Client.open(home, 'new')
      late.send({ type: 'ping' })
      assert.equal((await late.close()).code, 1013)
      assert.equal((await cluster.ownerOf('kept')).owner, owner) // nobody took it
      assert.equal((await ctl(home, 'drain', home.id, '--off')).code, 0)
      assert.equal(await guest.push({ diff: putNote('on') }), 'commit')
      assert.equal(guest.closed, null)
      assert.equal((await cluster.ownerOf('kept')).node, home.id)
    }))

  test('is refused where no other node takes rooms', () =>
    withCluster({ nodes: 2, args: ALONE }, async (cluster, home, away) => {
      assert.equal((await ctl(home, 'drain', home.id)).code, 0)
      const last = await ctl(home, 'drain', away.id)
      assert.equal(last.code, FAILED)
      assert.match(last.stderr, /no worker of another node takes rooms/)
      const client = await Client.connect(home, 'kept')
      assert.equal((await ctl(home, 'drain', away.id, '--force', '--no-wait')).code, 0)
      await until('it to drain', async () => (await workersOf(home, away))[0].draining)
      assert.equal(await client.push({ diff: putNote('still') }), 'commit') // there is nowhere to go
      assert.equal((await cluster.ownerOf('kept')).node, away.id)
      assert.equal((await ctl(home, 'drain', home.id, '--off')).code, 0)
      await until('it to go', async () => (await cluster.ownerOf('kept')).node === home.id)
      assert.equal(await client.push({ diff: putNote('on') }), 'commit')
    }))
})

describe('rebalancing', () => {
  const ROOMS = named('shared', 12)
  const EACH = 12

  test('roomctl rebalance moves rooms until all have their share, and may be interrupted', () =>
    withCluster({ nodes: 1, args: ALONE }, async (cluster, home) => {
      const clients = await fill(home, ROOMS, EACH)
      const away = await cluster.add({ args: ALONE })
      await hasLoad(home, ROOMS.length * EACH)
      const even = async () => {
        const counts = await owners(cluster, ROOMS)
        return [counts[home.id], counts[away.id]]
      }
      const dry = await ctl(away, 'rebalance', '--dry-run')
      assert.equal(dry.code, 0, dry.stderr)
      assert.match(dry.stdout, /^shared \d+: from \S+ to \S+, load \d+ \(not done\)\n/)
      assert.match(dry.stdout, /all workers are within the bound: \d+ rooms would be moved, 0 could not be\n$/)
      assert.deepEqual(await even(), [ROOMS.length, 0])

      const child = startProcess(PROGRAM, ['--admin', away.admin, 'rebalance', '--pace', '1/s'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let said = ''
      child.stdout.on('data', (bytes) => (said += bytes))
      const ended = new Promise((resolve) => child.on('close', resolve))
      await until('a first move', () => /^shared \d+: from/.test(said))
      child.kill('SIGINT')
      assert.equal(await soon('its end', ended), FAILED)
      assert.match(said, /\ninterrupted: [12] rooms? moved, 0 could not be\n$/)
      const [, moved] = await even()
      assert.ok(moved >= 1 && moved <= 2, said)

      const { outcome, moves, workers } = await ctlJson(home, 'rebalance', '--pace', '50')
      assert.ok(['even', 'stuck'].includes(outcome), outcome)
      assert.ok(moves.length > 0 && moves.every((move) => move.moved))
      const counts = await even()
      assert.ok(Math.min(...counts) >= 4, `${counts} ${JSON.stringify(workers)}`)
      for (const client of clients) {
        assert.equal(client.closed, null)
      }
      assert.equal(await clients[0].push({ diff: putNote('on') }), 'commit')
      assert.ok((await metric(home, 'roomd_moves_asked_total')) >= moved)
    }))

  /* A paced one that has made its first move; what it says, and how it ends. */
  async function startRebalance(asked) {
    const child = startProcess(PROGRAM, ['--admin', asked.admin, 'rebalance', '--pace', '1/s'])
    const one = { out: '', err: '' }
    child.stdout.on('data', (bytes) => (one.out += bytes))
    child.stderr.on('data', (bytes) => (one.err += bytes))
    one.ended = new Promise((resolve) => child.on('close', resolve))
    await until('a first move', () => /^shared \d+: from/.test(one.out))
    return one
  }
  const movesOf = ({ out }) => out.match(/^shared \d+: from/gm).length

  test('a rebalance ends when its node does, and when another one is begun at any node', () =>
    withCluster({ nodes: 1, args: ALONE }, async (cluster, home) => {
      const clients = await fill(home, ROOMS, EACH)
      const away = await cluster.add({ args: ALONE })
      await hasLoad(home, ROOMS.length * EACH)

      const alone = await startRebalance(away)
      await away.stop()
      assert.ok([FAILED, UNREACHABLE].includes(await soon('its end', alone.ended)), alone.err)
      assert.notEqual(alone.err, '')
      assert.match(alone.out, /\nnot finished: \d+ rooms? moved, \d+ could not be\n$/)
      assert.equal((await owners(cluster, ROOMS))[home.id], ROOMS.length)

      await away.start()
      await until('two workers', async () => (await ctlJson(home, 'workers')).length === 2)
      await hasLoad(home, ROOMS.length * EACH)
      const first = await startRebalance(home)
      assert.equal((await ctl(away, 'rebalance', '--dry-run')).code, 0)
      const before = movesOf(first)
      await until('another move', () => movesOf(first) > before) // that one ended nobody
      const second = ctlJson(away, 'rebalance', '--pace', '50')
      assert.equal(await soon('its end', first.ended), FAILED)
      assert.match(first.out, /\nanother rebalance was begun, and this one is over: \d+ rooms moved, \d+ could not be\n$/)
      const { outcome, moves } = await second
      assert.ok(['even', 'stuck'].includes(outcome), outcome)
      const counts = await owners(cluster, ROOMS)
      assert.ok(Math.min(counts[home.id], counts[away.id]) >= 4, JSON.stringify({ counts, moves }))
      assert.ok(await cluster.ask('HGET', 'roomd:rebalance', 'since'))
      for (const client of clients) {
        assert.equal(client.closed, null)
      }
    }))

  test('a node that has joined gets rooms by itself, where that is on', async () => {
    const off = await Cluster.start({ nodes: 1, args: ALONE })
    try {
      await withCluster({ nodes: 1, args: ['--workers', '1', ...QUIET] }, async (cluster, home) => {
        const clients = await fill(home, ROOMS, EACH)
        const still = await fill(off.nodes[0], ROOMS, EACH)
        await off.add({ args: ALONE })
        const away = await cluster.add({ args: ['--workers', '1', ...QUIET] })
        await until('rooms at both', async () => (await owners(cluster, ROOMS))[away.id] >= 4)
        assert.ok((await metric(home, 'roomd_moves_rebalance_total')) >= 4)
        assert.match(home.log, /worker-1 room="shared \d+": this worker has too much load and gives the room away to=\S+ room_load=\d+/)
        const counts = await until('an end of it', async () => {
          const [own] = await workersOf(home, home)
          const [other] = await workersOf(home, away)
          const begins = Math.max(1.5 * other.load, other.load + 50)
          return own.load <= begins && (await owners(cluster, ROOMS))
        })
        assert.ok(counts[home.id] >= 4, JSON.stringify(counts))
        assert.equal(await metric(away, 'roomd_moves_rebalance_total'), 0)
        for (const client of [...clients, ...still]) {
          assert.equal(client.closed, null)
        }
        assert.equal(await clients.at(-1).push({ diff: putNote('on') }), 'commit')
        assert.equal((await owners(off, ROOMS))[off.nodes[0].id], ROOMS.length)
        assert.equal(await metric(off.nodes[0], 'roomd_moves_rebalance_total'), 0)
      })
    } finally {
      await off.finish()
    }
  })
})
