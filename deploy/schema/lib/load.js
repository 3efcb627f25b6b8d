// Builds the app's schema in this process, out of a bundle.
import vm from 'node:vm'
import { bundle } from './bundle.js'
import { Failure } from './failure.js'

const entry = `
import * as app from 'roomd:schema'
import { notes, modules } from 'roomd:instrument'
export { app, notes, modules }
`

function run(code) {
	const module = { exports: {} }
	vm.runInThisContext(`(function (module, exports) {${code}\n})`, { filename: 'roomd-schema-bundle.js' })(
		module,
		module.exports
	)
	return module.exports
}

/** Whether something is a StoreSchema of any version and copy of @tldraw/store. */
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

/**
 * Returns {schema, notes, modules, packages, inert} of the module `file`, whose export `name` is the
 * schema.
 */
export async function load(file, name) {
	const built = await bundle(file, entry)
	let loaded
	try {
		loaded = run(built.code)
	} catch (error) {
		const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
		const hint = built.inert.length ? `\nStood in for by something inert: ${built.inert.join(', ')}` : ''
		throw new Failure(`The module throws when it is run: ${why}${hint}`)
	}
	if (!(name in loaded.app)) {
		const names = Object.keys(loaded.app).sort().join(', ') || 'nothing'
		throw new Failure(`The module has no export \`${name}\`; it exports ${names}.`)
	}
	const schema = loaded.app[name]
	if (!isSchema(schema)) {
		throw new Failure(
			`The export \`${name}\` is not a schema: give one made by createTLSchema() or StoreSchema.create().`
		)
	}
	return { schema, notes: loaded.notes, modules: loaded.modules, packages: built.packages, inert: built.inert }
}
