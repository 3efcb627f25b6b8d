/* roomctl drain and move while people draw: nobody is disconnected, nothing is lost, and whatever dies in
 * the middle, roomctl says what has become of it. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Client, putNote, readRoom } from './lib/client.js'
import { check, drawers } from './lib/drawer.js'
import { kill } from './lib/processes.js'
import { keyOf } from './lib/redis.js'
import { ctl, ctlJson } from './lib/roomctl.js'
import { Roomd, withRoomd } from './lib/roomd.js'
import { until } from './lib/wait.js'

const FAILED = 1
const LATE = 4
const ROUNDS = Number(process.env.E2E_ROUNDS ?? 4)

async function ownerOf(roomd, room) {
  const redis = await roomd.redis()
  const { owner, epoch } = await redis.hash(keyOf(room))
  return { owner, epoch: Number(epoch) }
}

async function workersOf(roomd) {
  return (await ctlJson(roomd, 'ps')).filter(({ role }) => role === 'worker')
}

/* The worker that owns the room, and one that does not. */
async function sidesOf(roomd, room) {
  const { owner, epoch } = await ownerOf(roomd, room)
  const workers = await workersOf(roomd)
  return { from: workers.find(({ id }) => id === owner), to: workers.find(({ id }) => id !== owner), epoch }
}

describe('roomctl move', { concurrency: true }, () => {
  for (const room of ['r', 'a/b {%} ☃', '-x', '\\"']) {
    test(`takes a room with all who draw in it: ${room}`, () =>
      withRoomd({}, async (roomd) => {
        const crowd = await drawers(roomd, [room])
        for (let round = 0; round < ROUNDS; round++) {
          const { from, to, epoch } = await sidesOf(roomd, room)
          await Promise.all(crowd.map((drawer) => drawer.goesOn()))
          const target = round % 2 ? to.id : to.name
          const { code, stdout, stderr } = await ctl(roomd, 'move', '--', room, target)
          assert.deepEqual([code, stderr], [0, ''])
          assert.equal(stdout, `${room}: moved from ${from.id} to ${to.name} (${to.id}), epoch ${epoch + 1}\n`)
          assert.deepEqual(await ownerOf(roomd, room), { owner: to.id, epoch: epoch + 1 })
          await Promise.all(crowd.map((drawer) => drawer.goesOn()))
        }
        await check(roomd, room, crowd)
      }))
  }

  test('takes a room that nobody is in, and many at once', () =>
    withRoomd({}, async (roomd) => {
      const rooms = Array.from({ length: 20 }, (_, n) => `room ${n}`)
      for (const room of rooms) {
        const client = await Client.connect(roomd, room)
        await client.push({ diff: putNote('1') })
        await client.leave()
      }
      const moves = rooms.map(async (room) => {
        const { from, to } = await sidesOf(roomd, room)
        const moved = await ctlJson(roomd, 'move', room, to.id)
        const { owner, epoch } = await ownerOf(roomd, room)
        assert.deepEqual(moved, {
          id: room,
          moved: true,
          from: from.id,
          owner,
          worker: to.name,
          node: from.id.split('-w')[0],
          epoch,
        })
        assert.deepEqual([owner, epoch], [to.id, 2])
      })
      await Promise.all(moves)
      for (const room of rooms) {
        assert.ok((await readRoom(roomd, room)).documents['note:1'])
      }
    }))

  test('may be wanted by many at a time', () =>
    withRoomd({}, async (roomd) => {
      const crowd = await drawers(roomd, ['r'])
      const names = ['worker-1', 'worker-2', 'worker-1', 'worker-2', 'worker-1', 'worker-2']
      const ends = await Promise.all(names.map((name) => ctl(roomd, 'move', 'r', name)))
      for (const { code, stderr } of ends) {
        assert.equal(code, 0, stderr)
      }
      await check(roomd, 'r', crowd)
    }))

  describe('says why not', { concurrency: 1 }, () => {
    let roomd
    let redis

    const refused = async (args, says) => {
      const { code, stdout, stderr } = await ctl(roomd, ...args)
      assert.deepEqual([code, stdout], [FAILED, ''])
      assert.match(stderr, /^roomctl: [^\n]*\n$/)
      assert.match(stderr, says)
    }

    before(async () => {
      roomd = await Roomd.start()
      redis = await roomd.redis()
    })
    after(() => roomd.finish())

    test('for what there is not', async () => {
      await refused(['move', 'nowhere', 'worker-1'], /no such room: "nowhere" has never been opened/)
      await refused(['move', 'nowhere', 'worker-9'], /no such worker: "worker-9" is none of this node, which has worker-1, worker-2/)
      await redis.text('HSET', 'roomd:{closed}', 'epoch', 4)
      await refused(['move', 'closed', 'worker-1'], /The room has no owner now: nobody is in it/)
      await redis.text('SET', 'roomd:{text}', 'x')
      await refused(['move', 'text', 'worker-1'], /WRONGTYPE/)
    })

    test('for what is another node’s, or a dead one’s', async () => {
      await redis.text('HSET', 'roomd:{far}', 'epoch', 4, 'owner', 'far-w1-abc', 'node', 'far')
      await refused(['move', 'far', 'worker-1'], /Another node is in charge: it is owned by far-w1-abc of node far/)
      const [shown] = await ctlJson(roomd, 'rooms', 'far')
      assert.deepEqual([shown.state, shown.node, shown.worker], ['idle', 'far', null])
      const node = (await ctlJson(roomd, 'ps'))[0].id
      await redis.text('HSET', 'roomd:{late}', 'epoch', 4, 'owner', `${node}-w1-abc`, 'node', node)
      assert.equal((await ctlJson(roomd, 'rooms', 'late'))[0].state, 'orphaned')
      await refused(['move', 'late', 'worker-1'], /no owner now: its owner \S+-w1-abc is dead/)
    })

    test('for what its owner has not loaded', async () => {
      const [{ id, name }, other] = await workersOf(roomd)
      const node = id.split('-w')[0]
      await redis.text('HSET', 'roomd:{unloaded}', 'epoch', 4, 'owner', id, 'node', node)
      await refused(['move', 'unloaded', other.name], /does not serve it: its owner \S+ loads it when somebody comes/)
      const { code, stdout } = await ctl(roomd, 'move', 'unloaded', name)
      assert.deepEqual([code, stdout], [0, `unloaded: is at ${name} (${id}) already, epoch 4\n`])
    })

    test('for a worker that takes no rooms', async () => {
      const client = await Client.connect(roomd, 'r')
      const { from, to } = await sidesOf(roomd, 'r')
      await ctl(roomd, 'drain', to.name, '--no-wait')
      await refused(['move', 'r', to.name], new RegExp(`takes no rooms now: ${to.name} .* is draining`))
      await refused(['drain', from.name], /No other worker could take the rooms: \S+ is the last one/)
      await ctl(roomd, 'drain', '--undo', to.name)
      await until('it takes rooms', async () => (await ctl(roomd, 'move', 'r', to.name)).code === 0)
      await client.leave()
    })
  })
})

describe('a move in the middle of which', { concurrency: true }, () => {
  /* Begins a move from an owner that is stopped, does something to somebody, and returns its end. */
  async function amid(roomd, act) {
    const { from, to } = await sidesOf(roomd, 'r')
    kill(from.pid, 'SIGSTOP')
    const end = ctl(roomd, 'move', 'r', to.id)
    await roomd.get('/v1/processes') // which takes half a second, as one does not answer
    await act(from, to)
    return end
  }

  test('the owner dies: the room is where it was to go, or it is said why not', () =>
    withRoomd({}, async (roomd) => {
      const crowd = await drawers(roomd, ['r'])
      const { code, stderr } = await amid(roomd, (from) => kill(from.pid))
      assert.ok(code === 0 || /not moved|no owner now|stays with/.test(stderr), stderr)
      await Promise.all(crowd.map((drawer) => drawer.goesOn()))
      await check(roomd, 'r', crowd)
    }))

  test('the target dies: somebody owns the room', () =>
    withRoomd({}, async (roomd) => {
      const crowd = await drawers(roomd, ['r'])
      const { code, stderr } = await amid(roomd, (from, to) => {
        kill(to.pid)
        kill(from.pid, 'SIGCONT')
      })
      /* The supervisor may hear of the move before it hears of the death. */
      assert.ok(code === 0 || /has got it and died|takes no rooms|no such worker/.test(stderr), stderr)
      await Promise.all(crowd.map((drawer) => drawer.goesOn()))
      await check(roomd, 'r', crowd)
    }))

  test('roomctl leaves: the room is moved all the same', () =>
    withRoomd({}, async (roomd) => {
      const crowd = await drawers(roomd, ['r'])
      const { from, to } = await sidesOf(roomd, 'r')
      kill(from.pid, 'SIGSTOP')
      const gone = new AbortController()
      const body = JSON.stringify({ worker: to.id })
      const asked = roomd.get('/v1/rooms/r/move', { method: 'POST', body, signal: gone.signal })
      asked.catch(() => {})
      await roomd.get('/v1/processes')
      gone.abort()
      await assert.rejects(asked)
      kill(from.pid, 'SIGCONT')
      await until('the room there', async () => (await ownerOf(roomd, 'r')).owner === to.id)
      await check(roomd, 'r', crowd)
    }))

  test('the node stops: it is said', () =>
    withRoomd({}, async (roomd) => {
      await Client.connect(roomd, 'r')
      const { code, stderr } = await amid(roomd, (from) => {
        kill(roomd.pid, 'SIGTERM')
        return roomd.logged('the end', /stopping signal/).then(() => kill(from.pid, 'SIGCONT'))
      })
      assert.equal(code, FAILED)
      assert.match(stderr, /The node starts or stops: the room may have been moved/)
      assert.equal((await roomd.ended()).code, 0)
    }))

  test('the owner hangs: that has an end', () =>
    withRoomd({}, async (roomd) => {
      const crowd = await drawers(roomd, ['r'])
      let stopped
      const began = Date.now()
      const { code, stderr } = await amid(roomd, (from) => (stopped = from))
      assert.equal(code, FAILED)
      assert.match(stderr, /It took too long: its owner \S+ has not answered in 20 s; the room may still be moved/)
      assert.ok(Date.now() - began >= 20000)
      kill(stopped.pid, 'SIGCONT')
      await Promise.all(crowd.map((drawer) => drawer.goesOn()))
      await check(roomd, 'r', crowd)
    }))
})

describe('roomctl drain', { concurrency: true }, () => {
  test('moves all rooms off a worker under those who draw, and lets none come', () =>
    withRoomd({}, async (roomd) => {
      const rooms = Array.from({ length: 12 }, (_, n) => `room ${n}`)
      const crowd = await drawers(roomd, rooms)
      const [drained, other] = await workersOf(roomd)
      const before = await Promise.all(rooms.map((room) => ownerOf(roomd, room)))
      assert.ok(before.some(({ owner }) => owner === drained.id))

      const { code, stdout, stderr } = await ctl(roomd, 'drain', 'worker-1')
      assert.deepEqual([code, stderr], [0, ''])
      assert.match(stdout, new RegExp(`^worker-1 \\(${drained.id}\\): drained in \\d+\\.\\d s, has no rooms and gets none\n$`))
      const [shown] = await workersOf(roomd)
      assert.deepEqual([shown.id, shown.pid, shown.state, shown.rooms], [drained.id, drained.pid, 'draining', 0])
      assert.equal((await roomd.get('/readyz')).status, 200)
      for (const [i, room] of rooms.entries()) {
        const epoch = before[i].epoch + (before[i].owner === drained.id ? 1 : 0)
        assert.deepEqual(await ownerOf(roomd, room), { owner: other.id, epoch })
      }
      for (let n = 0; n < 10; n++) {
        await (await Client.connect(roomd, `new ${n}`)).leave()
        assert.equal((await ownerOf(roomd, `new ${n}`)).owner, other.id)
      }
      const again = await ctlJson(roomd, 'drain', drained.id)
      assert.deepEqual(again, { worker: 'worker-1', id: drained.id, draining: true, changed: false, drained: true })

      const undone = await ctlJson(roomd, 'drain', '--undo', 'worker-1')
      assert.deepEqual(undone, { worker: 'worker-1', id: drained.id, draining: false, changed: true, drained: false })
      assert.match((await ctl(roomd, 'drain', '--undo', 'worker-1')).stdout, /: was not draining\n$/)
      await until('new rooms there', async () => {
        const room = randomUUID()
        await (await Client.connect(roomd, room)).leave()
        return (await ownerOf(roomd, room)).owner === drained.id
      })
      await Promise.all(crowd.map((drawer) => drawer.goesOn()))
      for (const [i, room] of rooms.entries()) {
        await check(roomd, room, crowd.slice(2 * i, 2 * i + 2))
      }
    }))

  test('is refused where nobody could take the rooms, unless it has to be', () =>
    withRoomd({ args: ['--workers', '1'] }, async (roomd) => {
      const crowd = await drawers(roomd, ['r'])
      const refused = await ctl(roomd, 'drain', 'worker-1')
      assert.equal(refused.code, FAILED)
      assert.match(refused.stderr, /No other worker could take the rooms: worker-1 is the last one of this node/)
      const late = await ctl(roomd, 'drain', 'worker-1', '--force', '--timeout', '1')
      assert.deepEqual([late.code, late.stdout], [LATE, ''])
      assert.match(late.stderr, /worker-1 \(\S+\) is not drained after 1 s, and goes on; rooms left: 1\n$/)
      assert.equal((await ctl(roomd, 'drain', '--undo', 'worker-1')).code, 0)
      await Promise.all(crowd.map((drawer) => drawer.goesOn()))
      await check(roomd, 'r', crowd)
    }))

  test('says so when its worker ends, and the next one takes rooms', () =>
    withRoomd({}, async (roomd) => {
      const [worker] = await workersOf(roomd)
      const end = ctl(roomd, 'drain', 'worker-1')
      await until('it drains', async () => (await workersOf(roomd))[0].state === 'draining')
      kill(worker.pid)
      const { code, stderr } = await end
      assert.equal(code, FAILED)
      assert.match(stderr, /worker-1 \(\S+\) has ended while it was draining/)
      await until('another', async () => {
        const [next] = await workersOf(roomd)
        return next.id !== worker.id && next.state === 'ready'
      })
    }))

  test('does not keep a worker from leaving, or a node from ending', () =>
    withRoomd({}, async (roomd) => {
      const crowd = await drawers(roomd, ['a', 'b', 'c', 'd'])
      assert.equal((await ctl(roomd, 'drain', 'worker-1', '--no-wait')).code, 0)
      kill(roomd.pid, 'SIGHUP')
      await roomd.logged('the end of it', /all workers are replaced/)
      assert.deepEqual((await workersOf(roomd)).map(({ state }) => state), ['ready', 'ready'])
      for (const [i, room] of ['a', 'b', 'c', 'd'].entries()) {
        await check(roomd, room, crowd.slice(2 * i, 2 * i + 2))
      }
      assert.equal((await ctl(roomd, 'drain', 'worker-2', '--no-wait')).code, 0)
      assert.equal((await roomd.stop()).code, 0)
    }))

  test('cannot keep a worker that leaves by its own plan', () =>
    withRoomd({}, async (roomd) => {
      const crowd = await drawers(roomd, ['r'])
      const { from } = await sidesOf(roomd, 'r')
      const redis = await roomd.child('redis')
      kill(redis, 'SIGSTOP') // so that it is slow to go
      kill(from.pid, 'SIGTERM')
      await until('it leaves', async () => {
        const now = (await workersOf(roomd)).find(({ id }) => id === from.id)
        return now.state === 'draining'
      })
      const { code, stderr } = await ctl(roomd, 'drain', '--undo', from.id)
      kill(redis, 'SIGCONT')
      assert.equal(code, FAILED)
      assert.match(stderr, /takes no rooms now: \S+ \(\S+\) is draining\n$/)
      await Promise.all(crowd.map((drawer) => drawer.goesOn()))
      await check(roomd, 'r', crowd)
    }))

  test('of a worker that is not there', () =>
    withRoomd({}, async (roomd) => {
      for (const args of [['drain', 'gateway-1'], ['drain', 'worker-3'], ['drain', '--undo', 'x'], ['drain', 'a/b']]) {
        const { code, stderr } = await ctl(roomd, ...args)
        assert.equal(code, FAILED)
        assert.match(stderr, /There is no such worker or node: ".*" is none of this node, which has worker-1, worker-2, and no node of the cluster\n$/)
      }
    }))
})
