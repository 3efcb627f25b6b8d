/* What Redis decides about owners: the scripts of proto/lua by themselves. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { RedisServer } from './lib/redis_server.js'

const source = (name) => readFileSync(new URL(`../../proto/lua/${name}.lua`, import.meta.url), 'utf8')
const FENCE = source('fence')

describe('scripts', () => {
  let server
  let redis
  let room = 0 // its number; a new one in each test
  let keys

  before(async () => {
    server = await RedisServer.start()
    redis = await server.connect()
  })
  after(() => {
    redis?.close()
    return server?.stop()
  })

  function run(name, count, ...args) {
    return redis.text('EVAL', FENCE + source(name), count, ...keys.slice(0, count), ...args)
  }

  function useNewRoom() {
    const hash = `roomd:{${++room}}`
    keys = [hash, `${hash}:snapshot`, `${hash}:log`]
  }

  const hash = () => redis.hash(keys[0])
  const info = (owner, epoch, { clock = 7, run = 'r1' } = {}) => [owner, epoch, clock, 3, 300, 2, 'now', run]
  const claim = (seen, worker) => run('claim', 1, seen, worker, `node of ${worker}`, 'then')
  const entry = (clock, { by = '', schema = '' } = {}) => [clock, 's', 1, by, 7, 'commit', 'diff', schema]

  function append(owner, epoch, first, ...entries) {
    const [hash, , log] = keys
    const args = [...info(owner, epoch), first, ...entries.flat()]
    return redis.text('EVAL', FENCE + source('append'), 2, hash, log, ...args)
  }

  function snapshot(owner, epoch, through, { release = 0, stored = 'all' } = {}) {
    return run('snapshot', 3, ...info(owner, epoch), through, release, stored)
  }

  const hand = (owner, epoch, through, to) =>
    run('hand', 1, ...info(owner, epoch), through, to, `node of ${to}`)

  test('a room is claimed by one', async () => {
    useNewRoom()
    assert.deepEqual(await claim(0, 'a'), [1, 1])
    assert.deepEqual(await claim(0, 'b'), [0, 1])
    const { owner, node, epoch, taken, created, claimed } = await hash()
    assert.deepEqual({ owner, node, epoch, taken }, { owner: 'a', node: 'node of a', epoch: '1', taken: undefined })
    assert.deepEqual([created, claimed], ['then', 'then'])
  })

  test('who was taken for dead is named until the next snapshot', async () => {
    useNewRoom()
    await claim(0, 'a')
    await claim(1, 'b')
    assert.equal((await hash()).taken, 'a')
    await append('b', 2, 1, entry(8))
    assert.equal((await hash()).taken, 'a')
    await snapshot('b', 2, 1)
    assert.equal((await hash()).taken, undefined)
    await snapshot('b', 2, 1, { release: 1 })
    await claim(2, 'c')
    assert.equal((await hash()).taken, undefined)
  })

  test('a quarantined room is claimed by nobody until its time is over', async () => {
    useNewRoom()
    const until = Math.floor(Date.now() / 1000) + 1000
    await redis.text('HSET', keys[0], 'quarantined_until', until)
    assert.deepEqual(await claim(0, 'a'), [-1, until])
    assert.equal((await hash()).owner, undefined)
    await redis.text('HSET', keys[0], 'quarantined_until', until - 1001)
    assert.deepEqual(await claim(0, 'a'), [1, 1])
  })

  test('entries are appended by the owner alone, without gaps', async () => {
    useNewRoom()
    await claim(0, 'a')
    assert.equal(await append('a', 1, 1, entry(8, { by: 'g/1', schema: '{}' }), entry(9)), 2)
    const fields = (clock, ...rest) =>
      ['clock', clock, 'session', 's', 'seq', '1', 'outcome', 'commit', 'diff', 'diff', ...rest]
    assert.deepEqual(await redis.text('XRANGE', keys[2], '-', '+'), [
      ['1-1', fields('8', 'by', 'g/1', 'opened', '7', 'schema', '{}')],
      ['1-2', fields('9')],
    ])
    const { appended, run, clock, records, bytes, sessions, updated } = await hash()
    assert.deepEqual([appended, run, clock, records, bytes, sessions, updated], ['2', 'r1', '7', '3', '300', '2', 'now'])

    await assert.rejects(append('a', 1, 2, entry(9)), /^Error: GAP/)
    await assert.rejects(append('a', 1, 4, entry(9)), /^Error: GAP/)
    await assert.rejects(append('b', 1, 3, entry(9)), /^Error: FENCED/)
    await claim(1, 'b')
    await assert.rejects(append('a', 1, 3, entry(9)), /^Error: FENCED/)
    assert.equal(await redis.text('XLEN', keys[2]), 2)
  })

  test('no entries ask where the log ends', async () => {
    useNewRoom()
    await claim(0, 'a')
    assert.equal(await append('a', 1, 1), 0)
    await append('a', 1, 1, entry(8))
    assert.equal(await append('a', 1, 2), 1)
    await assert.rejects(append('a', 1, 1), /GAP/)
    await assert.rejects(append('a', 1, 3), /GAP/)
    await assert.rejects(append('b', 1, 2), /FENCED/)
  })

  test('in a Redis that has gone back nothing counts but a whole snapshot', async () => {
    for (const before of ['empty', 'older']) {
      useNewRoom()
      before === 'older' && (await claim(0, 'b'))
      await assert.rejects(append('a', 5, 1, entry(8)), /GAP/)
      await assert.rejects(append('a', 5, 1), /GAP/)
      await assert.rejects(hand('a', 5, 0, 'c'), /GAP/)
      await run('show', 1, ...info('a', 5))
      assert.equal((await hash()).clock, undefined)
      await assert.rejects(snapshot('a', 5, 3, { release: 1, stored: '' }), /GAP/)
      assert.equal(await redis.text('EXISTS', keys[1], keys[2]), 0)
      await snapshot('a', 5, 3)
      const { owner, epoch, appended } = await hash()
      assert.deepEqual([owner, epoch, appended], ['a', '5', '3'])
      assert.equal(await append('a', 5, 4, entry(9)), 4)
    }
  })

  test('in a Redis that has gone back whoever writes first has the room', async () => {
    useNewRoom()
    await claim(0, 'b')
    await append('b', 1, 1, entry(8))
    await assert.rejects(append('a', 5, 1), /FENCED/)
    await assert.rejects(snapshot('a', 5, 3), /FENCED/)
    await assert.rejects(hand('a', 5, 0, 'c'), /FENCED/)
    assert.equal(await append('b', 1, 2, entry(9)), 2)
  })

  test('a snapshot takes the place of the log up to its entry', async () => {
    useNewRoom()
    await claim(0, 'a')
    await append('a', 1, 1, entry(8), entry(9))
    await assert.rejects(snapshot('a', 1, 1), /GAP/)
    await assert.rejects(snapshot('a', 1, 3, { stored: '' }), /GAP/)
    await assert.rejects(snapshot('b', 1, 2), /FENCED/)
    assert.equal(await redis.text('XLEN', keys[2]), 2)
    await snapshot('a', 1, 2, { stored: 'whole' })
    assert.equal(await redis.text('EXISTS', keys[2]), 0)
    assert.equal(await redis.text('GET', keys[1]), 'whole')
    const { snapshot_clock, snapshot_bytes, appended } = await hash()
    assert.deepEqual([snapshot_clock, snapshot_bytes, appended], ['7', '5', '2'])
    await snapshot('a', 1, 2, { release: 1, stored: '' })
    assert.equal(await redis.text('GET', keys[1]), 'whole')
    const { owner, node, epoch } = await hash()
    assert.deepEqual([owner, node, epoch], [undefined, undefined, '1'])
    await assert.rejects(append('a', 1, 3, entry(9)), /FENCED/)
  })

  test('a room is handed over with all of its log', async () => {
    useNewRoom()
    await claim(0, 'z')
    await claim(1, 'a')
    await append('a', 2, 1, entry(8))
    await assert.rejects(hand('a', 2, 0, 'b'), /GAP/)
    await assert.rejects(hand('a', 2, 2, 'b'), /GAP/)
    await assert.rejects(hand('z', 2, 1, 'b'), /FENCED/)
    assert.equal(await hand('a', 2, 1, 'b'), 3)
    const { owner, node, epoch, appended, claimed, taken, sessions } = await hash()
    assert.deepEqual(
      { owner, node, epoch, appended, claimed, taken, sessions },
      { owner: 'b', node: 'node of b', epoch: '3', appended: '0', claimed: 'now', taken: undefined, sessions: '2' },
    )
    assert.equal(await redis.text('XLEN', keys[2]), 1)
    await assert.rejects(append('a', 2, 2, entry(9)), /FENCED/)
    assert.equal(await append('b', 3, 1, entry(9)), 1)
  })
})
