/* The disk runs full under the embedded Redis, which ends itself for it: nothing that was acknowledged
 * is lost, nothing else is acknowledged, everybody is told why, and with room on the disk it goes on. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client, putNote, readRoom } from './lib/client.js'
import { Roomd, removeFolder, temporaryFolder } from './lib/roomd.js'
import { until } from './lib/wait.js'

const DISK = '4m'
/* So that a few of them are more than what an open page still takes, also in a snapshot, which is
 * compressed. */
const text = () => randomBytes(1500).toString('base64')

/* A disk of a few MiB; null where we may not make one. */
async function smallDisk() {
  const folder = await temporaryFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', folder], { stdio: 'ignore' })
    return folder
  } catch {
    await removeFolder(folder)
    return null
  }
}

async function fill(disk) {
  await writeFile(join(disk, 'ballast'), Buffer.alloc(8 << 20)).catch(({ code }) => assert.equal(code, 'ENOSPC'))
}

test('a full disk delays changes, is named, and loses none', async (t) => {
  const disk = await smallDisk()
  if (!disk) {
    t.skip('a disk of its own takes root')
    return
  }
  let roomd
  const clients = []
  try {
    roomd = await Roomd.start({ disk, args: ['--idle-timeout', '0'] })
    clients.push(await Client.connect(roomd, 'demo'), await Client.connect(roomd, 'demo'))
    const [drawer, other] = clients
    await drawer.push({ diff: putNote('before') })
    await fill(disk)

    const results = Array.from({ length: 20 }, (_, i) => drawer.push({ diff: putNote(String(i), { text: text() }) }))
    await roomd.logged('why', /error supervisor: the disk of the data directory is full; .*data="?\/.*free_bytes=\d/)
    await until('not ready, and why', async () => {
      const response = await roomd.get('/readyz')
      return response.status === 503 && /^the disk of \/.* is full$/m.test(await response.text())
    })
    const metrics = await (await roomd.get('/metrics')).text()
    assert.ok(Number(/^roomd_data_free_bytes\{process="supervisor".*\} (\S+)$/m.exec(metrics)[1]) < 1 << 20)
    const presence = ['put', { id: 'x', typeName: 'presence', name: 'still', cursor: { x: 0, y: 0 }, chat: '' }]
    other.send({ type: 'push', clientClock: 1000, presence })
    await until('presence', () => [...drawer.records.values()].some(({ name }) => name === 'still'))
    assert.equal(clients.find(({ closed }) => closed), undefined)
    const shown = Object.keys(other.documents)
    assert.ok(shown.length < 20, 'what is not stored is not shown')

    await rm(join(disk, 'ballast'))
    assert.deepEqual([...new Set(await Promise.all(results))], ['commit'])
    await until('ready', async () => (await roomd.get('/readyz')).status === 200)
    await roomd.kill()
    await roomd.start()
    const { documents } = await readRoom(roomd, 'demo')
    assert.deepEqual(documents, drawer.documents)
    assert.equal(Object.keys(documents).length, 21)
  } finally {
    clients.forEach((client) => client.drop())
    await roomd?.finish()
    execFileSync('umount', [disk])
    await removeFolder(disk)
  }
})
