/* Rooms come and go: unloaded and loaded again, their logs folded, spread over workers, and kept apart
 * from clients of another schema. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Client, SCHEMA, note, putNote, readRoom } from './lib/client.js'
import { withRoomd } from './lib/roomd.js'
import { noteSchemaOfVersion } from './lib/schemas.js'
import { until } from './lib/wait.js'

const FATAL = 4099
const LOG_BOUND = 256 << 10 // bytes; a log is not folded before
const WORKERS = 3
const GATEWAYS = 2
const ROOMS = 40

const withRooms = (args, body) =>
  withRoomd({ args }, async (roomd) => body(roomd, await roomd.redis()))

/* Sum over the samples of one metric. */
async function metric(roomd, name) {
  const text = await (await roomd.get('/metrics')).text()
  const samples = text.split('\n').filter((line) => line.startsWith(`${name}{`))
  return samples.map((line) => Number(line.split(' ').at(-1)))
}

describe('rooms', { concurrency: true }, () => {
  test('an empty room is unloaded, and loaded again as it was', () =>
    withRooms(['--unload-after', '1'], async (roomd, redis) => {
      const client = await Client.connect(roomd, 'r')
      await client.push({ diff: { ...putNote('1'), ...putNote('2') } })
      await client.push({ diff: { 'note:2': ['remove'] } })
      const { clock, documents } = client
      await client.leave()
      await roomd.logged('the unloading', /room=r: room unloaded clock=2/)
      await until('no owner', async () => (await redis.hash('roomd:{r}')).owner === undefined)
      assert.equal(await redis.text('EXISTS', 'roomd:{r}:log'), 0)
      await until('no room', async () => (await metric(roomd, 'roomd_rooms')).every((count) => count === 0))

      const again = await Client.connect(roomd, 'r', { connect: { lastServerClock: 1 } })
      assert.deepEqual(again.heard[0].diff, { 'note:2': ['remove'] }, 'deletions are remembered too')
      assert.deepEqual(
        { clock: again.clock, epoch: (await redis.hash('roomd:{r}')).epoch },
        { clock, epoch: '2' },
      )
      assert.deepEqual((await readRoom(roomd, 'r')).documents, documents)
      await again.leave()
    }))

  test('a long log becomes a snapshot while the room is in use', () =>
    withRooms([], async (roomd, redis) => {
      const client = await Client.connect(roomd, 'r')
      await client.push({ diff: putNote('1') })
      let longest = 0
      for (let n = 0, length = 1; length >= longest; n++) {
        assert.ok(n < 500, `the log has ${length} entries`)
        await client.push({
          diff: { 'note:1': ['patch', { text: ['put', String(n % 10).repeat(LOG_BOUND / 100)] }] },
        })
        longest = Math.max(length, longest)
        length = await redis.text('XLEN', 'roomd:{r}:log')
      }
      assert.ok(longest > 50)
      const { snapshot_clock } = await redis.hash('roomd:{r}')
      assert.ok(Number(snapshot_clock) > 50 && Number(snapshot_clock) <= client.clock)

      await client.push({ diff: putNote('2') })
      await roomd.kill()
      roomd.forgetRedis()
      await roomd.start()
      const told = await readRoom(roomd, 'r')
      assert.deepEqual(told, { clock: client.clock, documents: client.documents, presence: [] })
    }))

  test('many rooms are spread over workers, and every gateway reaches all', () =>
    withRooms(['--workers', WORKERS, '--gateways', GATEWAYS].map(String), async (roomd, redis) => {
      const names = Array.from({ length: ROOMS }, (_, i) => `room ${i}`)
      const pairs = await Promise.all(
        names.map((room) =>
          Promise.all([Client.connect(roomd, room), Client.connect(roomd, room, { binary: true })]),
        ),
      )
      await Promise.all(pairs.map(([a], i) => a.push({ diff: putNote(names[i]) })))
      await Promise.all(
        pairs.map(([, b], i) => b.push({ diff: { [`note:${names[i]}`]: ['patch', { x: ['put', i] }] } })),
      )
      await until('both see both changes', () =>
        pairs.every((pair, i) => pair.every(({ records }) => records.get(`note:${names[i]}`)?.x === i)),
      )
      const owners = await Promise.all(names.map(async (room) => (await redis.hash(`roomd:{${room}}`)).owner))
      assert.equal(new Set(owners).size, WORKERS, owners.join(' '))
      assert.deepEqual(new Set(owners), new Set(await redis.text('SMEMBERS', 'roomd:workers')))
      const connections = await metric(roomd, 'roomd_connections')
      assert.equal(connections.length, GATEWAYS)
      assert.ok(
        connections.every((count) => count > 0),
        connections.join(' '),
      )
      await until(
        'sessions counted',
        async () => (await metric(roomd, 'roomd_sessions')).reduce((a, b) => a + b) === 2 * ROOMS,
      )
      await Promise.all(pairs.flat().map((client) => client.leave()))
    }))

  test('clients of another schema are refused, and the log says why', () =>
    withRooms(['--unload-after', '1'], async (roomd, redis) => {
      const client = await Client.connect(roomd, 'r')
      await client.push({ diff: putNote('1') })
      const refused = async (version, reason) => {
        const other = await Client.open(roomd, 'r')
        await assert.rejects(other.handshake({ schema: noteSchemaOfVersion(version).serialize() }))
        assert.deepEqual(await other.close(), { code: FATAL, reason })
      }
      const named = (reason, version) =>
        new RegExp(
          `warn .*room=r: client refused for its schema reason=${reason} .*` +
            `room_schema="?com\\.example\\.note=2"? client_schema="?com\\.example\\.note=${version}`,
        )
      await refused(3, 'SERVER_TOO_OLD')
      await roomd.logged('both schemas', named('SERVER_TOO_OLD', 3))
      await refused(1, 'CLIENT_TOO_OLD')
      await roomd.logged('both schemas', named('CLIENT_TOO_OLD', 1))
      assert.equal(
        await client.push({ diff: { 'note:1': ['put', note('1')] } }),
        'discard',
        'the room goes on',
      )
      const sequences = Object.fromEntries(Object.entries(SCHEMA.sequences).reverse())
      await (
        await Client.connect(roomd, 'r', { connect: { schema: { sequences, schemaVersion: 2 } } })
      ).leave()
      await client.leave()

      await until('the room given up', async () => (await redis.hash('roomd:{r}')).owner === undefined)
      await refused(3, 'SERVER_TOO_OLD')
      assert.deepEqual(Object.keys((await readRoom(roomd, 'r')).documents), ['note:1'])
    }))

  test('the first client decides the schema, also if it changes nothing', () =>
    withRooms([], async (roomd) => {
      await (await Client.connect(roomd, 'r')).leave()
      await roomd.kill()
      await roomd.start()
      const other = await Client.open(roomd, 'r')
      await assert.rejects(other.handshake({ schema: noteSchemaOfVersion(3).serialize() }))
      assert.deepEqual(await other.close(), { code: FATAL, reason: 'SERVER_TOO_OLD' })
    }))
})
