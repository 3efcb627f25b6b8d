/* Visits by the thousand: runs the crowd of this folder. */
import { join } from 'node:path'
import { startProcess } from '../../e2e/lib/processes.js'
import { BINARY } from '../../e2e/lib/roomd.js'
import { noteSchema } from '../../e2e/lib/schemas.js'

const CROWD = join(BINARY, '../../../tests/soak/crowd')
const SCHEMA = JSON.stringify(noteSchema.serialize())

/* `options` as `crowd --help` names them. Returns what came of it: {visits, pushed, again, failed,
 * failure, ms}. */
export function visit(roomd, options) {
  const all = { port: roomd.address.split(':').at(-1), schema: SCHEMA, ...options }
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = startProcess(CROWD, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (bytes) => (text += bytes))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      code === 0 || code === 1 ? resolve(JSON.parse(text)) : reject(new Error(`crowd ended with ${code ?? signal}`))
    })
  })
}
