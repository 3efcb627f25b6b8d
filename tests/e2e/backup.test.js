/* Backups, and restoring them, by the very commands of deploy/README.md. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Client, putNote, readRoom } from './lib/client.js'
import { RedisServer } from './lib/redis_server.js'
import { removeFolder, Roomd, temporaryFolder } from './lib/roomd.js'

const run = promisify(execFile)
const HANDBOOK = fileURLToPath(new URL('../../deploy/README.md', import.meta.url))

/* The indented block of the handbook that has these words. */
async function block(words) {
  const text = await readFile(HANDBOOK, 'utf8')
  const found = text.match(/(?:^ {4}.*\n)+/gm).find((lines) => lines.includes(words))
  assert.ok(found, words)
  return found.replace(/^ {4}/gm, '')
}

/* Does that as an operator would, in Redis' folder. */
async function follow(words, { folder, socket, backup, config = '' }) {
  const commands = (await block(words)).replaceAll('BACKUP', backup).replace('redis-server CONFIG', `redis-server ${config}`)
  const script = `set -euo pipefail; redis-cli() { command redis-cli -s ${socket} "$@"; }\n${commands}`
  await run('bash', ['-c', script], { cwd: folder, timeout: 30000 })
}

/* Draws so many notes, one after the other. */
async function draw(client, name, count) {
  for (let n = 0; n < count; n++) {
    assert.equal(await client.push({ diff: putNote(`${name}-${n}`) }), 'commit')
  }
}

const names = ({ documents }) => Object.keys(documents).map((id) => id.replace('note:', ''))

/* A Redis of its own, and a roomd; `body` is given what makes the backup, and restores it. */
async function withBackup(make, restore) {
  const backup = await temporaryFolder()
  const redis = await RedisServer.start()
  const where = { folder: redis.folder, socket: redis.socket, backup }
  const roomd = await Roomd.start({ args: ['--redis', `unix://${redis.socket}`] })
  try {
    const client = await Client.connect(roomd, 'r')
    await draw(client, 'kept', 3)
    await follow(make, where)
    await draw(client, 'lost', 3)
    assert.equal((await roomd.stop()).code, 0)
    await redis.end('SIGTERM')
    await rm(join(redis.folder, 'appendonlydir'), { recursive: true })
    await restore(where)
    await redis.run()
    await follow('run unknown', where)
    await roomd.start()
    const other = await Client.connect(roomd, 'r')
    await draw(other, 'after', 8) // more than was lost
    const back = await Client.open(roomd, 'r')
    back.records = new Map(Object.entries(client.documents))
    await back.handshake({ lastServerClock: client.clock })
    return { back, there: (await readRoom(roomd, 'r')).documents }
  } finally {
    await roomd.finish()
    await redis.stop()
    await removeFolder(backup)
  }
}

describe('a backup of all rooms', () => {
  const expected = [...[0, 1, 2].map((n) => `kept-${n}`), ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `after-${n}`)]
  const ways = {
    'the append-only files': [
      'cp -a appendonlydir',
      ({ folder, backup }) => cp(join(backup, 'appendonlydir'), join(folder, 'appendonlydir'), { recursive: true }),
    ],
    'dump.rdb': [
      'redis-cli --rdb',
      (where) => follow('--appendonly no', { ...where, config: `--port 0 --unixsocket ${where.socket} --save ''` }),
    ],
  }
  for (const [name, [make, restore]] of Object.entries(ways)) {
    test(`${name}: rooms are as they were then, and who saw more is sent the whole`, async () => {
      const { back, there } = await withBackup(make, restore)
      assert.deepEqual(names({ documents: there }).sort(), [...expected].sort())
      assert.deepEqual(back.documents, there)
    })
  }
})
