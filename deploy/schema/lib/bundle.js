/* Bundles an app's schema module: with its own tldraw packages, our notes in front of their
 * validation module, and without what draws. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import esbuild from 'esbuild'
import { Failure } from './failure.js'

const engine = fileURLToPath(new URL('../engine/', import.meta.url))
const validation = /[\\/]validate[\\/](?:dist-\w+|src|\.tsbuild\w*)[\\/]lib[\\/]validation\.\w+$/
const factories = [
  'literal',
  'setEnum',
  'literalEnum',
  'optional',
  'nullable',
  'or',
  'model',
  'union',
  'numberUnion',
]
/* What draws, or talks to servers: a schema needs of them only what the packages below have. */
const drawing =
  /^(?:tldraw|@tldraw\/(?:tldraw|editor|sync|sync-core|driver|mermaid)|react|react-dom|react-dom\/client|react\/jsx-runtime|react\/jsx-dev-runtime)$/
const data = ['tlschema', 'store', 'validate', 'utils', 'state']
const assets =
  /\.(?:css|scss|sass|less|svg|png|jpe?g|gif|webp|avif|ico|woff2?|ttf|otf|eot|mp[34]|webm|wasm|md|txt|html)(?:\?.*)?$/

function instrumented(file) {
  const real = JSON.stringify(`roomd-real:${file}`)
  const ours = JSON.stringify(path.join(engine, 'instrument.js'))
  if (/\.(?:c?js)$/.test(file) && !/dist-esm/.test(file)) {
    return `const real = require(${real})
			const { instrument } = require(${ours})
			module.exports = Object.assign({}, real, instrument(real))`
  }
  return `import * as real from ${real}
		import { instrument } from ${ours}
		const made = instrument(real)
		export * from ${real}
		${factories.map((name) => `export const ${name} = made.${name}`).join('\n')}`
}

/* Puts our module in front of each copy of tldraw's validation module. */
function instrumentation(found) {
  return {
    name: 'instrument',
    setup(build) {
      build.onResolve({ filter: /^roomd-real:/ }, ({ path: name }) => ({
        path: name.slice('roomd-real:'.length),
        namespace: 'roomd-real',
      }))
      build.onLoad({ filter: /.*/, namespace: 'roomd-real' }, ({ path: file }) => ({
        contents: readFileSync(file, 'utf8'),
        loader: file.endsWith('.ts') ? 'ts' : 'js',
        resolveDir: path.dirname(file),
      }))
      build.onLoad({ filter: validation }, ({ path: file }) => {
        found.add(file)
        return { contents: instrumented(file), loader: 'js', resolveDir: path.dirname(file) }
      })
    },
  }
}

// The utils of tldraw's own shapes, reduced to what a schema takes from them.
const utils = `
import { createTLSchema, defaultShapeSchemas, defaultBindingSchemas } from '@tldraw/tlschema'
import * as tlschema from '@tldraw/tlschema'
const asUtils = (schemas) => Object.entries(schemas ?? {}).map(([type, { props, migrations }]) =>
	({ type, props, migrations }))
const asSchemas = (utils) => Object.fromEntries(utils.map(({ type, props, migrations }) =>
	[type, { props, migrations }]))
export const defaultShapeUtils = asUtils(defaultShapeSchemas)
export const defaultBindingUtils = asUtils(defaultBindingSchemas)
export const defaultAssetUtils = asUtils(tlschema.defaultAssetSchemas)
export const createTLSchemaFromUtils = (options) => createTLSchema({
	...(options.shapeUtils && { shapes: asSchemas(options.shapeUtils) }),
	...(options.bindingUtils && { bindings: asSchemas(options.bindingUtils) }),
	...(options.assetUtils && { assets: asSchemas(options.assetUtils) }),
	...(options.records && { records: options.records }),
	...(options.user && { user: options.user }),
	...(options.migrations && { migrations: options.migrations }),
})
`

// Stands for whatever else there is: can be called, constructed, extended and asked for members.
const inert = `
const inert = new Proxy(class {}, {
	get: (target, key) => key === 'prototype' ? target.prototype
		: key === Symbol.toPrimitive ? () => ''
		: key === Symbol.iterator ? () => [][Symbol.iterator]()
		: inert,
	apply: () => inert,
})
`

/* Replaces the packages that draw. `names` are those that nothing has, by package. */
function replacement(names) {
  return {
    name: 'no drawing',
    setup(build) {
      build.onResolve({ filter: drawing }, async (args) => {
        if (args.pluginData === 'roomd') return undefined
        const found = await build.resolve(args.path, {
          kind: args.kind,
          resolveDir: args.resolveDir,
          pluginData: 'roomd',
        })
        const from =
          found.errors.length || !path.isAbsolute(found.path)
            ? args.resolveDir
            : path.dirname(found.path)
        return { path: args.path, namespace: 'roomd-drawing', pluginData: from }
      })
      build.onLoad(
        { filter: /.*/, namespace: 'roomd-drawing' },
        async ({ path: name, pluginData: from }) => {
          const parts = [inert]
          if (!name.startsWith('react')) {
            for (const part of data) {
              const options = { kind: 'import-statement', resolveDir: from, pluginData: 'roomd' }
              const found = await build.resolve(`@tldraw/${part}`, options)
              if (!found.errors.length) parts.push(`export * from '@tldraw/${part}'`)
            }
            parts.push(utils)
          }
          for (const missing of names.get(name) ?? []) {
            parts.push(
              missing === 'default' ? 'export default inert' : `export const ${missing} = inert`,
            )
          }
          return { contents: parts.join('\n'), loader: 'js', resolveDir: from }
        },
      )
      build.onResolve({ filter: assets }, ({ path: name }) => ({
        path: name,
        namespace: 'roomd-asset',
      }))
      build.onLoad({ filter: /.*/, namespace: 'roomd-asset' }, () => ({
        contents: 'export default ""',
        loader: 'js',
      }))
    },
  }
}

/* tldraw's packages and what they use do nothing by being loaded: what is not used of them goes. */
const pure = {
  name: 'pure',
  setup(build) {
    build.onResolve({ filter: /./ }, async (args) => {
      if (args.pluginData === 'roomd' || !args.importer || args.kind === 'entry-point')
        return undefined
      const ours = /[\\/]node_modules[\\/]@tldraw[\\/]/.test(args.importer)
      if (!ours && !/^(?:@tldraw\/|lodash\.)/.test(args.path)) return undefined
      const { kind, resolveDir, importer, namespace } = args
      const found = await build.resolve(args.path, {
        kind,
        resolveDir,
        importer,
        namespace,
        pluginData: 'roomd',
      })
      return found.errors.length
        ? undefined
        : { ...found, sideEffects: false, pluginData: undefined }
    })
  },
}

/* Adds to `names` what esbuild did not find in our replacements. True if that was all. */
function learn(errors, names) {
  let all = errors.length > 0
  for (const { text } of errors) {
    const match = /^No matching export in "roomd-drawing:([^"]+)" for import "([^"]+)"$/.exec(text)
    if (!match) {
      all = false
      continue
    }
    names.set(match[1], (names.get(match[1]) ?? new Set()).add(match[2]))
  }
  return all
}

function explain(errors) {
  return errors
    .map(({ text, location }) => {
      const at = location ? `${location.file}:${location.line}: ` : ''
      return at + text
    })
    .join('\n')
}

/* The versions of the packages that went into a bundle. */
function packages(inputs, base) {
  const versions = {}
  for (const input of Object.keys(inputs)) {
    const match = /^(?:roomd-real:)?((?:.*[\\/])?node_modules[\\/](@tldraw[\\/]\w+))[\\/]/.exec(
      input,
    )
    if (!match) continue
    const file = path.resolve(base, match[1], 'package.json')
    if (existsSync(file))
      versions[match[2].replace('\\', '/')] = JSON.parse(readFileSync(file, 'utf8')).version
  }
  return Object.fromEntries(Object.entries(versions).sort())
}

/* Bundles `entry`, source text that may import `roomd:schema` (the app's module), `roomd:instrument`
 * and `roomd:pick`. Without `notes` validators hide what they are made of; `small` text is not
 * to be read. Returns {code, packages, inert: names that were replaced by nothing,
 * instrumented: whether a validation module was met}. */
export async function bundle(file, entry, { notes = true, small = false } = {}) {
  const names = new Map()
  const base = path.dirname(file)
  for (;;) {
    const found = new Set()
    let built
    try {
      built = await esbuild.build({
        stdin: { contents: entry, resolveDir: engine, sourcefile: 'roomd-entry.js', loader: 'js' },
        absWorkingDir: base,
        bundle: true,
        write: false,
        metafile: true,
        format: 'cjs',
        platform: 'neutral',
        mainFields: ['module', 'main'],
        conditions: ['module', 'production'],
        target: 'es2020',
        jsx: 'automatic',
        treeShaking: true,
        minifyIdentifiers: small, // without it names of files are in the text
        legalComments: 'none',
        logLevel: 'silent',
        define: {
          'process.env.NODE_ENV': '"production"',
          'import.meta.env.MODE': '"production"',
          'import.meta.env': '{}',
        },
        alias: {
          'roomd:schema': file,
          'roomd:instrument': path.join(engine, 'instrument.js'),
          'roomd:pick': path.join(engine, 'pick.js'),
        },
        plugins: [...(notes ? [instrumentation(found)] : []), replacement(names), pure],
      })
    } catch (error) {
      if (!error.errors) throw error
      if (learn(error.errors, names)) continue
      throw new Failure(`The module cannot be bundled:\n${explain(error.errors)}`)
    }
    return {
      code: built.outputFiles[0].text,
      packages: packages(built.metafile.inputs, base),
      inert: [...names]
        .flatMap(([name, missing]) => [...missing].map((part) => `${name}: ${part}`))
        .sort(),
      instrumented: found.size > 0,
      metafile: built.metafile,
    }
  }
}
