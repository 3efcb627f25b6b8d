/* The original's server, as its own examples make one: a TLSocketRoom for each room, on `ws`.
 *
 *     server.mjs --port N [--sqlite DIR]
 *
 * Rooms live in memory, or with --sqlite in a file each in DIR, by the original's own storage, in WAL
 * mode. A room is dropped when its last session is gone. `ready on 127.0.0.1:PORT` is the first line.
 * With node --expose-gc, SIGUSR2 collects garbage, so that its memory can be told from its waste. */
import { NodeSqliteWrapper, SQLiteSyncStorage, TLSocketRoom } from '@tldraw/sync-core'
import { createTLSchema } from '@tldraw/tlschema'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { WebSocketServer } from 'ws'

const { values } = parseArgs({
  options: { port: { type: 'string', default: '0' }, sqlite: { type: 'string' } },
})
const schema = createTLSchema()
const rooms = new Map()

/* better-sqlite3, or what Node has of its own from 22.5 on. */
function openDatabase(path) {
  const require = createRequire(import.meta.url)
  try {
    return new (require('better-sqlite3'))(path)
  } catch {
    return new (require('node:sqlite').DatabaseSync)(path)
  }
}

function sqliteStorage(name) {
  const db = openDatabase(join(values.sqlite, `${name}.db`))
  db.exec('PRAGMA journal_mode = WAL')
  return { db, storage: new SQLiteSyncStorage({ sql: new NodeSqliteWrapper(db) }) }
}

function openRoom(name) {
  const { db, storage } = values.sqlite ? sqliteStorage(name) : {}
  const room = new TLSocketRoom({
    schema,
    storage,
    onSessionRemoved(_room, { numSessionsRemaining }) {
      if (numSessionsRemaining === 0) {
        rooms.delete(name)
        room.close()
        db?.close()
      }
    },
  })
  rooms.set(name, room)
  return room
}

const server = createServer((_request, response) => response.writeHead(426).end())
const sockets = new WebSocketServer({ server, perMessageDeflate: false })

sockets.on('connection', (socket, request) => {
  const url = new URL(request.url, 'http://localhost')
  const [, name] = /^\/connect\/([^/]+)$/.exec(url.pathname)
  const room = rooms.get(name) ?? openRoom(name)
  room.handleSocketConnect({ sessionId: url.searchParams.get('sessionId'), socket })
})

process.on('SIGUSR2', () => globalThis.gc?.())

server.listen({ port: Number(values.port), host: '127.0.0.1', backlog: 4096 }, () => {
  console.log(`ready on 127.0.0.1:${server.address().port}`)
})
