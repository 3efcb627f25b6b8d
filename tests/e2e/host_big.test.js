/* A room of 50 MB goes in and out over the admin port, and the other rooms of its worker hardly notice;
 * nobody who stops reading holds anything up. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { open, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import { Client, connectMessage, note, SCHEMA } from './lib/client.js'
import { ask, refusal, roomPath } from './lib/host.js'
import { startProcess } from './lib/processes.js'
import { frame, OP, upgradeRequest } from './lib/raw.js'
import { PROGRAM } from './lib/roomctl.js'
import { withRoomd } from './lib/roomd.js'
import { until } from './lib/wait.js'

const RECORDS = 25000
const TEXT = 'x'.repeat(2000)
/* What roomd does at a time for one room takes it some milliseconds, so others wait for the machine
 * and not for the room: at most some times as long as while it does nothing, and that is measured here
 * as well, while two other processes keep the machine as busy as the load does. (This process, too, has
 * 150 MB to read.) */
const TIMES = 12
const FLOOR_MS = 100

/* A process of its own, so that nothing but roomd can keep the pings of this one waiting. */
async function roomctl(roomd, output, ...args) {
  const child = startProcess(PROGRAM, [...args, '--admin', roomd.admin], { stdio: ['ignore', output, 'inherit'] })
  const [code] = await once(child, 'close')
  assert.equal(code, 0)
}

/* Two processes that use all they get of the machine for that long. */
async function busyMachine(ms) {
  const loop = `const end = Date.now() + ${ms}; while (Date.now() < end);`
  const children = [1, 2].map(() => startProcess(process.execPath, ['-e', loop], { stdio: 'ignore' }))
  await Promise.all(children.map((child) => once(child, 'close')))
}

/* Somebody in the room who only counts what comes, for else this process had that to do. */
async function listen(roomd, room, session) {
  const socket = connect(Number(roomd.address.split(':')[1]), '127.0.0.1')
  const listener = { bytes: 0, leave: () => socket.destroy() }
  socket.write(upgradeRequest(`/connect/${room}?sessionId=${session}`))
  await once(socket, 'data')
  socket.on('data', (bytes) => {
    listener.bytes += bytes.length
  })
  socket.write(frame(OP.TEXT, JSON.stringify(connectMessage())))
  await until('the connect reply', () => listener.bytes > 0)
  return listener
}

/* The longest that a ping took. */
async function watch(client, body) {
  let longest = 0
  let over = false
  const watching = (async () => {
    while (!over) {
      const began = performance.now()
      await client.ping()
      longest = Math.max(longest, performance.now() - began)
    }
  })()
  const result = await body()
  over = true
  await watching
  return { result, longest }
}

test('50 MB in and out', async (t) => {
  await withRoomd({ args: ['--workers', '1'] }, async (roomd) => {
    const other = await Client.connect(roomd, 'other')
    const store = {}
    for (let i = 0; i < RECORDS; i++) {
      store[`note:${i}`] = note(String(i), { text: TEXT })
    }
    const source = join(roomd.data, 'source.json')
    const copy = join(roomd.data, 'copy.json')
    await writeFile(source, JSON.stringify({ schema: SCHEMA, store }))
    const calm = await watch(other, () => busyMachine(2000))
    t.diagnostic(`busy machine: another room waits ${calm.longest.toFixed(0)} ms at most`)
    const bound = TIMES * Math.max(calm.longest, FLOOR_MS)
    const put = await watch(other, () => roomctl(roomd, 'ignore', 'load', 'big', source))
    t.diagnostic(`PUT of 50 MB: another room waits ${put.longest.toFixed(0)} ms at most`)
    const listeners = await Promise.all([1, 2, 3].map((i) => listen(roomd, 'heard', `listener-${i}`)))
    const told = await watch(other, async () => {
      await roomctl(roomd, 'ignore', 'load', 'heard', source)
      await until('all of it', () => listeners.every(({ bytes }) => bytes > RECORDS * TEXT.length))
    })
    t.diagnostic(`PUT of 50 MB, told to three: another room waits ${told.longest.toFixed(0)} ms at most`)
    listeners.forEach((listener) => listener.leave())
    const file = await open(copy, 'w')
    const got = await watch(other, () => roomctl(roomd, file.fd, 'snapshot', 'big'))
    await file.close()
    t.diagnostic(`GET of 50 MB: another room waits ${got.longest.toFixed(0)} ms at most`)
    const { documents } = JSON.parse(await readFile(copy, 'utf8'))
    assert.equal(documents.length, RECORDS)
    assert.deepEqual(Object.fromEntries(documents.map(({ state }) => [state.id, state])), store)
    assert.ok(Math.max(put.longest, told.longest, got.longest) < bound, `nobody waits for ${bound.toFixed(0)} ms`)

    const memory = async () => {
      const { body } = await ask(roomd, 'GET', '/v1/processes')
      return body.processes.find(({ role }) => role === 'supervisor').memory_bytes
    }
    const before = await memory()
    const lazy = Array.from({ length: 8 }, () => connect(Number(roomd.admin.split(':')[1]), '127.0.0.1'))
    for (const socket of lazy) {
      socket.write(`GET ${roomPath('big', 'snapshot')} HTTP/1.1\r\nHost: ${roomd.admin}\r\n\r\n`)
      await once(socket, 'readable')
    }
    const { longest } = await watch(other, () => ask(roomd, 'GET', roomPath('big', 'sessions')))
    t.diagnostic(`with 8 who do not read: another room waits ${longest.toFixed(0)} ms at most`)
    assert.ok((await memory()) < before + (64 << 20), 'what is not read does not pile up')
    lazy.forEach((socket) => socket.destroy())
    await until('an answer to somebody else', async () => (await ask(roomd, 'GET', roomPath('big', 'sessions'))).status === 200)
    await other.leave()
  })
})

test('what is too long is refused', async () => {
  await withRoomd({ args: ['--max-snapshot', '100k'] }, async (roomd) => {
    const body = JSON.stringify({ schema: SCHEMA, store: {}, padding: 'x'.repeat(110 * 1024) })
    assert.equal(await refusal(roomd, 'PUT', roomPath('big', 'snapshot'), body), '413 too-large')
    const long = JSON.stringify('x'.repeat(1100 * 1024))
    assert.match(await refusal(roomd, 'POST', roomPath('big', 'sessions', 's', 'custom'), long), /^413/)
  })
})
