/* Builds the app's schema in this process, out of a bundle. */
import vm from 'node:vm'
import { bundle } from './bundle.js'
import { Failure } from './failure.js'

const entry = `
import * as app from 'roomd:schema'
import { child, notes, modules } from 'roomd:instrument'
export { app, child, notes, modules }
`

function run(code) {
  const module = { exports: {} }
  vm.runInThisContext(`(function (module, exports) {'use strict';${code}\n})`, {
    filename: 'roomd-schema-bundle.js',
  })(module, module.exports)
  return module.exports
}

/* Whether something is a StoreSchema of any version and copy of @tldraw/store. */
function isSchema(value) {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof value.types === 'object' &&
    typeof value.migrations === 'object' &&
    Array.isArray(value.sortedMigrations) &&
    typeof value.serialize === 'function'
  )
}

/* Finds the export; CommonJS modules have their exports below `default`. */
function pick(app, name) {
  const inside = typeof app.default === 'object' && app.default !== null && !isSchema(app.default)
  const access = name in app && isSchema(app[name]) ? [name] : ['default', name]
  const schema = access.length === 1 ? app[name] : inside ? app.default[name] : undefined
  if (isSchema(schema)) return { schema, access }
  if (!(name in app)) {
    const names = Object.keys(app).sort().join(', ') || 'nothing'
    throw new Failure(`The module has no export \`${name}\`; it exports ${names}.`)
  }
  throw new Failure(
    `The export \`${name}\` is not a schema: give one made by createTLSchema() or StoreSchema.create().`,
  )
}

/* Returns {schema, access: the names that lead to it, packages, inert} of the module `file`, whose export `name` is the schema, and what
 * engine/instrument.js knows of its validators: {child, notes, modules}. */
export async function load(file, name) {
  const built = await bundle(file, entry)
  let loaded
  try {
    loaded = run(built.code)
  } catch (error) {
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    const hint = built.inert.length
      ? `\nStood in for by something inert: ${built.inert.join(', ')}`
      : ''
    throw new Failure(`The module throws when it is run: ${why}${hint}`)
  }
  const { schema, access } = pick(loaded.app, name)
  const { child, notes, modules } = loaded
  return { schema, access, child, notes, modules, packages: built.packages, inert: built.inert }
}
