/* roomctl, where it looks into rooms and changes them. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Client, note, putNote, readRoom, SCHEMA } from './lib/client.js'
import { load } from './lib/host.js'
import { ctl, ctlJson, ctlWith, run } from './lib/roomctl.js'
import { Roomd } from './lib/roomd.js'

const FAILED = 1
const USAGE = 2

function says({ code, stdout, stderr }, wanted, pattern) {
  assert.equal(code, wanted, stderr)
  assert.match(wanted === 0 ? stdout : stderr, pattern)
  assert.equal(wanted === 0 ? stderr : stdout, '')
}

describe('roomctl in rooms', () => {
  let roomd
  before(async () => (roomd = await Roomd.start()))
  after(() => roomd.finish())

  test('a snapshot goes out, and into another room', async () => {
    await load(roomd, 'from', { schema: SCHEMA, store: { 'note:a': note('a'), 'note:b': note('b') } })
    const { code, stdout, stderr } = await ctl(roomd, 'snapshot', 'from')
    assert.deepEqual([code, stderr], [0, ''])
    assert.equal(JSON.parse(stdout).documents.length, 2)
    says(await ctlWith(roomd, stdout, 'load', 'to'), 0, /^to: changed, clock 1\n$/)
    says(await ctlWith(roomd, stdout, 'load', 'to', '-'), 0, /^to: nothing to change, clock 1\n$/)
    const file = join(roomd.data, 'snapshot.json')
    await writeFile(file, stdout)
    assert.deepEqual(await ctlJson(roomd, 'load', 'third', file), { clock: 1, changed: true })
    assert.deepEqual((await readRoom(roomd, 'third')).documents, (await readRoom(roomd, 'from')).documents)
    says(await ctl(roomd, 'snapshot', 'none'), FAILED, /^roomctl: There is no such room: .*none/)
    says(await ctl(roomd, 'load', 'x', `${file}.missing`), FAILED, /^roomctl: cannot read .*missing: No such file/)
    says(await ctlWith(roomd, '{"a":', 'load', 'x'), FAILED, /no JSON: malformed at byte 5/)
    says(await ctlWith(roomd, '{"a":1}', 'load', 'x'), FAILED, /neither a room snapshot/)
  })

  test('a .tldr file is loaded without what is about its editor', async () => {
    const file = {
      tldrawFileFormatVersion: 1,
      schema: SCHEMA,
      records: [note('a'), { id: 'camera:page:page', typeName: 'camera', x: 0, y: 0, z: 1, meta: {} }],
    }
    says(await ctlWith(roomd, JSON.stringify(file), 'load', 'tldr'), 0, /^tldr: changed/)
    assert.deepEqual((await readRoom(roomd, 'tldr')).documents, { 'note:a': note('a') })
    const newer = JSON.stringify({ ...file, tldrawFileFormatVersion: 2 })
    says(await ctlWith(roomd, newer, 'load', 'tldr'), FAILED, /\.tldr file of a format that is not known/)
  })

  test('records are put, read and deleted', async () => {
    await load(roomd, 'records', { schema: SCHEMA, store: {} })
    const one = JSON.stringify(note('one'))
    const two = JSON.stringify([note('two'), note('three')])
    says(await ctlWith(roomd, one, 'put', 'records'), 0, /^records: changed, clock 1\n$/)
    says(await ctlWith(roomd, two, 'put', 'records'), 0, /^records: changed, clock 2\n$/)
    says(await ctlWith(roomd, one, 'put', 'records'), 0, /^records: nothing to change, clock 2\n$/)
    const { stdout } = await ctl(roomd, 'record', 'records', 'note:one')
    assert.deepEqual(JSON.parse(stdout), note('one'))
    assert.equal((await ctlJson(roomd, 'record', 'records', 'note:two')).lastChangedClock, 2)
    says(await ctl(roomd, 'delete', 'records', 'note:one', 'note:two', 'note:none'), 0, /changed, clock 3/)
    says(await ctl(roomd, 'record', 'records', 'note:one'), FAILED, /^roomctl: The room has no such record/)
    says(await ctlWith(roomd, '[1]', 'put', 'records'), FAILED, /\$\.puts\[0\] is no object/)
    says(await ctl(roomd, 'room', 'records'), 0, /^id +records\nstate .*\n(.*\n)*clock +3\nrecords +1\n/)
    assert.equal((await ctlJson(roomd, 'room', 'records')).id, 'records')
  })

  test('sessions are listed, told, held back and ended', async () => {
    const client = await Client.connect(roomd, 'people', { session: 'ann' })
    const { stdout } = await ctl(roomd, 'sessions', 'people')
    assert.match(stdout, /^SESSION +STATE +ACCESS +OBJECTS +GATEWAY\nann +connected +write +write +\S+\n$/)
    assert.equal((await ctlJson(roomd, 'sessions', 'people')).sessions[0].sessionId, 'ann')
    says(await ctl(roomd, 'readonly', 'people', 'ann', 'on'), 0, /^ann: reads only\n$/)
    assert.equal(await client.push({ diff: putNote('a') }), 'discard')
    says(await ctl(roomd, 'readonly', 'people', 'ann', 'off'), 0, /^ann: writes\n$/)
    says(await ctl(roomd, 'readonly', 'people', 'ann', 'maybe'), USAGE, /on or off, not "maybe"/)
    says(await ctlWith(roomd, '{"hello":"ann"}', 'send', 'people', 'ann'), 0, /^ann: sent\n$/)
    assert.deepEqual((await client.hear('custom')).data, { hello: 'ann' })
    says(await ctlWith(roomd, '1', 'send', 'people', 'bob'), FAILED, /no such session/)
    says(await ctl(roomd, 'close', 'people', 'ann', '--reason', 'enough & over'), 0, /^ann: closed\n$/)
    assert.deepEqual(await client.close(), { code: 4099, reason: 'enough & over' })
  })

  test('a room is deleted by who says yes', async () => {
    await load(roomd, 'old', { schema: SCHEMA, store: { 'note:a': note('a') } })
    says(await ctl(roomd, 'delete-room', 'old'), USAGE, /say --yes/)
    says(await ctl(roomd, 'delete-room', 'old', '--yes'), 0, /^old: deleted\n$/)
    says(await ctl(roomd, 'delete-room', 'old', '--yes'), FAILED, /no such room/)
  })

  test('a snapshot that breaks off is no success', async () => {
    const server = createServer((request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{"documents":[')
      setImmediate(() => response.socket.destroy())
    })
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { code, stderr } = await run(['snapshot', 'r', '--admin', `127.0.0.1:${server.address().port}`])
    assert.deepEqual([code, stderr], [FAILED, 'roomctl: the answer broke off; what is there is not all\n'])
    server.close()
  })
})
