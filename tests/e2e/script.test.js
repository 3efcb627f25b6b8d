/* A schema whose code hangs, fills up memory or is killed: nobody suffers but who caused it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Client } from './lib/client.js'
import { allGone, kill } from './lib/processes.js'
import { Roomd, removeFolder, temporaryFolder, withRoomd } from './lib/roomd.js'
import { until } from './lib/wait.js'

const SCHEMA = {
  roomdSchema: 1,
  types: { note: { scope: 'document' }, cursor: { scope: 'presence' } },
  sequences: [
    {
      sequenceId: 'note',
      retroactive: true,
      migrations: [
        {
          id: 'note/1',
          scope: 'record',
          filter: { typeName: 'note' },
          up: { function: 'up' },
          down: { function: 'down' },
        },
      ],
    },
  ],
  code: `({
    up: function (note) {
      while (note.n === 666) {}
      for (var a = []; note.n === 999; ) a.push(new Array(10000).join('x') + a.length)
      note.n++
    },
    down: function (note) { note.n-- },
  })`,
}
const serialized = (version) => ({ schemaVersion: 2, sequences: { note: version } })
const note = (id, n) => ({ id, typeName: 'note', n })
const put = (record) => ({ diff: { [record.id]: ['put', record] } })

const FATAL = 4099
const PATIENCE_MS = 3500 // a quarter of a second, and two more on a busy machine

describe('code that misbehaves', () => {
  let folder
  let roomd

  before(async () => {
    folder = await temporaryFolder()
    const file = join(folder, 'bad.schema')
    await writeFile(file, JSON.stringify(SCHEMA))
    roomd = await Roomd.start({ args: ['--schema', file, '--workers', '1'] })
  })
  after(async () => {
    await roomd.finish()
    await removeFolder(folder)
  })

  const joined = (room, version) =>
    Client.connect(roomd, room, { connect: { schema: serialized(version) } })

  /* The process that runs the code: the only child of the only worker. */
  const scriptPid = () => {
    const worker = roomd.children().get('worker-1')
    return Number(readFileSync(`/proc/${worker}/task/${worker}/children`, 'utf8'))
  }

  test('what hangs turns its client away, and all others go on', async () => {
    const other = await joined('other', 1)
    const bad = await joined('hang', 0)
    const began = Date.now()
    const ended = assert.rejects(bad.push(put(note('a', 666))), /4099 CLIENT_TOO_OLD/)
    assert.equal(await other.push(put(note('b', 1))), 'commit')
    assert.ok(Date.now() - began < PATIENCE_MS, 'others wait for a bounded time')
    await ended
  })

  test('a function that has hung is for now, and then it is called again', async () => {
    const action = await until('an older client is served', async () => {
      const client = await joined('again', 0)
      return client.push(put(note('a', 1))).catch(() => {
        assert.notEqual(client.closed.code, FATAL)
        return null
      })
    })
    assert.deepEqual(action, { rebaseWithDiff: { a: ['put', note('a', 1)] } })
  })

  test('what needs too much memory or time turns its client away', async () => {
    const bad = await joined('bomb', 0)
    await assert.rejects(bad.push(put(note('a', 999))), /4099 CLIENT_TOO_OLD/)
  })

  test('an engine that is killed is there again, and nobody notices', async () => {
    await until('an older client is served', async () => {
      const client = await joined('before', 0)
      return client.push(put(note('a', 1))).catch(() => null)
    })
    const pid = scriptPid()
    kill(pid)
    const client = await joined('killed', 0)
    assert.deepEqual(await client.push(put(note('a', 1))), {
      rebaseWithDiff: { a: ['put', note('a', 1)] },
    })
    await allGone([pid])
    assert.notEqual(scriptPid(), pid)
  })
})

/* Works on all of a room, for so long. */
const TAKES_MS = 1500
const SLOW_SCHEMA = {
  roomdSchema: 1,
  types: { note: { scope: 'document' }, cursor: { scope: 'presence' } },
  sequences: [
    {
      sequenceId: 'note',
      retroactive: true,
      migrations: [{ id: 'note/1', scope: 'storage', up: { function: 'up' } }],
    },
  ],
  code: `({
    up: function (storage) {
      for (var began = Date.now(); Date.now() - began < ${TAKES_MS}; ) {}
      storage.set('a', { id: 'a', typeName: 'note', n: 2 })
    },
  })`,
}

describe('code that takes long', () => {
  test('holds up the room that it works on, and no other', () =>
    withRoomd({ args: ['--workers', '1'] }, async (roomd) => {
      const folder = await temporaryFolder()
      try {
        const first = await Client.connect(roomd, 'slow', { connect: { schema: serialized(0) } })
        await first.push(put(note('a', 1)))
        await first.leave()

        const file = join(folder, 'slow.schema')
        await writeFile(file, JSON.stringify(SLOW_SCHEMA))
        await roomd.stop()
        await roomd.start(['--workers', '1', '--schema', file])

        const other = await Client.connect(roomd, 'other', { connect: { schema: serialized(1) } })
        let there = false
        const began = Date.now()
        const opened = Client.connect(roomd, 'slow', { connect: { schema: serialized(1) } })
        const noted = opened.then(
          () => (there = true),
          () => (there = true),
        )
        const waits = []
        for (let n = 0; !there; n++) {
          const before = Date.now()
          assert.equal(await other.push(put(note(`b${n}`, n))), 'commit')
          waits.push(Date.now() - before)
        }
        await noted
        assert.ok(Date.now() - began >= TAKES_MS)
        const longest = Math.max(...waits)
        assert.ok(longest < TAKES_MS / 2, `another room waited for ${longest} ms`)
        const { diff } = (await opened).heard.find(({ type }) => type === 'connect')
        assert.deepEqual(diff, { a: ['put', note('a', 2)] })
      } finally {
        await removeFolder(folder)
      }
    }))
})
