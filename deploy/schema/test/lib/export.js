import { fileURLToPath } from 'node:url'
import { runInside } from '../../lib/code.js'
import { exportSchema } from '../../lib/export.js'

export const folder = fileURLToPath(new URL('../../', import.meta.url))

/* An exported schema: {text, report, schema: parsed, functions: of its code, as Node runs it}. */
export async function exported(name, options = {}) {
  const { text, report } = await exportSchema({ source: folder + name, ...options })
  const schema = JSON.parse(text)
  return { text, report, schema, functions: schema.code ? runInside(schema.code) : {} }
}
