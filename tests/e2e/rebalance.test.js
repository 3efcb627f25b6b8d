/* What roomctl rebalance asks for, told by a node that is none: one whose figures are behind, or wrong. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'
import { startProcess } from './lib/processes.js'
import { PROGRAM, run } from './lib/roomctl.js'
import { soon, until } from './lib/wait.js'

const FAILED = 1

const worker = (id, load) => ({
  ...{ id, worker: null, node: id.split('-')[0], pid: 1, rooms: 1, sessions: load, cpu: 0, weight: 1 },
  ...{ points: load, load, draining: false, in_reach: true, version: '0.1.0', seen: '2026-01-31T12:00:00Z' },
})

/* An admin port. `figures` gives the load of both workers, `rooms` are {name: {owner, load}} and follow moves,
 * `refuses` are rooms that cannot be moved. `moves` are those that were asked for. */
class Figures {
  #server
  #id = null
  moves = []

  static async start({ figures, rooms, refuses = [] }) {
    const node = new Figures()
    Object.assign(node, { figures, rooms, refuses })
    node.#server = createServer((request, response) => {
      let body = ''
      request.on('data', (bytes) => (body += bytes))
      request.on('end', () => {
        const [status, answer] = node.#answer(request, body)
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
      })
    })
    node.#server.listen(0, '127.0.0.1')
    await once(node.#server, 'listening')
    return node
  }

  #answer({ method, url }, body) {
    const path = new URL(url, 'http://node').pathname
    const moved = /^\/v1\/rooms\/(\w+)\/move$/.exec(path)?.[1]
    if (moved) {
      return this.#move(moved, JSON.parse(body).worker)
    }
    switch (`${method} ${path}`) {
      case 'GET /v1/workers':
        return [200, { workers: Object.entries(this.figures(this)).map(([id, load]) => worker(id, load)) }]
      case 'GET /v1/rooms':
        return [200, { rooms: this.#list(), cursor: null }]
      case 'POST /v1/rebalance':
        this.#id = 'one'
    }
    return [200, { id: this.#id }]
  }

  #list() {
    const all = Object.entries(this.rooms)
    return all.map(([id, { owner, load }]) => ({ id, state: 'open', owner, load, sessions: load, epoch: 1 }))
  }

  #move(room, to) {
    this.moves.push({ room, to, at: Date.now() })
    if (this.refuses.includes(room)) {
      return [409, { type: 'about:blank', title: 'no', status: 409, detail: `${room} stays` }]
    }
    this.rooms[room].owner = to
    return [200, { id: room, moved: true, from: null, owner: to, worker: null, node: 'n', epoch: 2 }]
  }

  get address() {
    const { address, port } = this.#server.address()
    return `${address}:${port}`
  }

  rebalance(...args) {
    return run(['rebalance', ...args], { ROOMD_ADMIN: this.address })
  }

  stop() {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

async function withFigures(options, body) {
  const node = await Figures.start(options)
  try {
    await body(node)
  } finally {
    node.stop()
  }
}

const ROOMS = () => Object.fromEntries(['a', 'b', 'c'].map((name) => [name, { owner: 'n1-w1', load: 100 }]))
/* Whoever has the rooms seems to have too much, and the other one nothing: they would go to and fro. */
const UNEVEN = ({ rooms }) => {
  const here = Object.values(rooms).filter(({ owner }) => owner === 'n1-w1').length
  return here > 1 ? { 'n1-w1': 400, 'n2-w1': 0 } : { 'n1-w1': 0, 'n2-w1': 400 }
}

describe('roomctl rebalance', { concurrency: true }, () => {
  test('moves each room once, whatever the figures say then', () =>
    withFigures({ figures: UNEVEN, rooms: ROOMS() }, async (node) => {
      const { code, stdout, stderr } = await node.rebalance('--json')
      assert.deepEqual([code, stderr], [0, ''])
      const { outcome, moves } = JSON.parse(stdout)
      assert.ok(['stuck', 'even'].includes(outcome), outcome)
      const names = node.moves.map(({ room }) => room)
      assert.ok(names.length > 0)
      assert.equal(new Set(names).size, names.length, names.join(' '))
      assert.deepEqual(moves.map(({ id }) => id), names)
    }))

  test('tries once what cannot be moved, says why, and goes on with the others', () =>
    withFigures({ figures: UNEVEN, rooms: ROOMS(), refuses: ['a', 'b'] }, async (node) => {
      const { code, stdout, stderr } = await node.rebalance()
      assert.equal(code, 0)
      assert.match(stderr, /a stays[^]*b stays/)
      assert.match(stdout, /^a: from n1-w1 to n2-w1, load 100: was not moved$/m)
      assert.match(stdout, /1 room moved, 2 could not be$/m)
      assert.deepEqual(node.moves.map(({ room }) => room), ['a', 'b', 'c'])
    }))

  test('keeps to its pace', () =>
    withFigures({ figures: UNEVEN, rooms: ROOMS() }, async (node) => {
      const started = Date.now()
      const { code } = await node.rebalance('--pace', '2/s')
      assert.equal(code, 0)
      /* Counted from the start: what is under way for long does not make the next one early. */
      const times = node.moves.map(({ at }) => at - started)
      assert.ok(times.length > 1 && times.every((time, i) => time >= 500 * i - 5), `${times}`)
    }))

  test('--dry-run asks for nothing', () =>
    withFigures({ figures: UNEVEN, rooms: ROOMS() }, async (node) => {
      const { code, stdout } = await node.rebalance('--dry-run')
      assert.equal(code, 0)
      assert.match(stdout, /^\w: from n1-w1 to n2-w1, load 100 \(not done\)$/m)
      assert.deepEqual(node.moves, [])
    }))

  for (const signal of ['SIGINT', 'SIGTERM']) {
    test(`ends at ${signal} while it waits, and says what it has done`, () =>
      withFigures({ figures: UNEVEN, rooms: ROOMS() }, async (node) => {
        const env = { ...process.env, ROOMD_ADMIN: node.address }
        const child = startProcess(PROGRAM, ['rebalance', '--pace', '1/s'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
        let said = ''
        child.stdout.on('data', (bytes) => (said += bytes))
        const ended = once(child, 'close')
        await until('a first move', () => /^\w: from/m.test(said))
        child.kill(signal)
        const [code] = await soon('its end', ended)
        assert.equal(code, FAILED)
        assert.match(said, /^interrupted: 1 room moved, 0 could not be$/m)
        assert.equal(node.moves.length, 1)
      }))
  }

  const wrong = [
    ['--within', '0'],
    ['--within', 'much'],
    ['--pace', '0/s'],
    ['--pace', 'fast'],
    ['--within'],
    ['more'],
  ]
  for (const args of wrong) {
    test(`does not take ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await run(['rebalance', ...args], { ROOMD_ADMIN: '127.0.0.1:1' })
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, /^roomctl: .+\n/)
    })
  }
})
