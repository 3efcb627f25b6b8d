/* Clients as released before, from npm, each with the store and the schema of its release. */
import { createRequire } from 'node:module'
import './sync.js' // what a browser has and Node has not

const here = createRequire(import.meta.url)

/* Releases share signals through globalThis where they find some; each gets its own. */
function withOwnSignals(load) {
  const shared = Object.getOwnPropertySymbols(globalThis).filter((symbol) => /tldraw/.test(symbol.description))
  const kept = shared.map((symbol) => [symbol, globalThis[symbol]])
  shared.forEach((symbol) => delete globalThis[symbol])
  try {
    return load()
  } finally {
    kept.forEach(([symbol, value]) => (globalThis[symbol] = value))
  }
}

/* `name` is that of the dependency; what it depends on is found from where it is. */
function release(name) {
  const inside = createRequire(here.resolve(name))
  return withOwnSignals(() => {
    const { ClientWebSocketAdapter, TLSyncClient } = inside(here.resolve(name))
    const { Store } = inside('@tldraw/store')
    const { atom } = inside('@tldraw/state')
    const tlschema = inside('@tldraw/tlschema')
    return { ClientWebSocketAdapter, TLSyncClient, Store, atom, tlschema, schema: tlschema.createTLSchema() }
  })
}

export const releases = {
  '3.2.0': release('sync-core-3-2'), // protocol 6
  '3.15.6': release('sync-core-3-15'), // protocol 7
  '4.5.12': release('sync-core-4-5'),
  '5.0.0': release('sync-core-5-0'),
}
