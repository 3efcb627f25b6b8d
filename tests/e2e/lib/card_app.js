/* The example app of deploy/schema: `schema` as its clients have it, and `file`, what roomd-schema made of
 * it. */
import { transform } from 'esbuild'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import './sync.js' // what a browser has and Node has not

const FOLDER = fileURLToPath(new URL('../../../deploy/schema/example', import.meta.url))

async function load(name) {
  const source = await readFile(`${FOLDER}/${name}.ts`, 'utf8')
  const { code } = await transform(source, { loader: 'ts', format: 'cjs' })
  const module = { exports: {} }
  new Function('module', 'exports', 'require', code)(module, module.exports, createRequire(import.meta.url))
  return { schema: module.exports.default, file: `${FOLDER}/${name}.schema` }
}

export const cardApp = { v1: await load('card-v1'), v3: await load('card-v3') }

/* The props of a card as v3 has them from one of v1, and back, by the app's own migrations. */
export function migratedCard(card, direction) {
  const result = cardApp.v3.schema.migratePersistedRecord(card, cardApp.v1.schema.serialize(), direction)
  if (result.type !== 'success') {
    throw new Error(result.reason)
  }
  return result.value
}
