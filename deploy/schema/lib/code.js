/* The functions of a schema file as one script for an engine that knows ECMAScript 5.1. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'
import swc from '@swc/core'
import esbuild from 'esbuild'
import { bundle } from './bundle.js'
import { Failure } from './failure.js'

const require = createRequire(import.meta.url)
const polyfill = fileURLToPath(new URL('../engine/polyfill.js', import.meta.url))
const url = [
  'core-js/modules/web.url.js',
  'core-js/modules/web.url.can-parse.js',
  'core-js/modules/web.url-search-params.js',
]

function arguments_({ how, sequence, index, name, type, steps }) {
  const words =
    how.startsWith('validator') || how === 'refinement' || how === 'unknownVariant'
      ? [type, steps]
      : how === 'migration'
        ? [sequence, index, name]
        : [sequence, index]
  return words.map((word) => JSON.stringify(word)).join(', ')
}

/* The module that is bundled: builds the schema and picks its functions. */
function entry(functions, access) {
  const used = [...new Set(functions.map(({ how }) => how))].sort()
  const rows = functions.map(
    (wanted) => `${JSON.stringify(wanted.function)}: ${wanted.how}(schema, ${arguments_(wanted)}),`,
  )
  const [first, ...more] = access
  return `import { ${first} as exported } from 'roomd:schema'
		const schema = [exported${more.map((name) => `, ${JSON.stringify(name)}`)}].reduce((value, name) => value[name])
		import { ${used.join(', ')} } from 'roomd:pick'
		export const functions = { ${rows.join('\n')} }`
}

async function urlPolyfill() {
  const built = await esbuild.build({
    stdin: {
      contents: url.map((name) => `require(${JSON.stringify(require.resolve(name))})`).join('\n'),
      resolveDir: '/',
    },
    bundle: true,
    write: false,
    minifyIdentifiers: true,
    format: 'iife',
    platform: 'neutral',
    mainFields: ['main'],
    legalComments: 'none',
    logLevel: 'silent',
  })
  return down(built.outputFiles[0].text)
}

async function minified(code) {
  const { code: small } = await esbuild.transform(code, {
    minify: true,
    target: 'es5',
    charset: 'ascii',
    legalComments: 'none',
  })
  return small.trim().replace(/;$/, '')
}

async function down(code) {
  const { code: old } = await swc.transform(code, {
    configFile: false,
    swcrc: false,
    isModule: false,
    sourceMaps: false,
    jsc: { parser: { syntax: 'ecmascript' }, target: 'es5', externalHelpers: false },
  })
  return old
}

/* What Duktape has no equivalent of, taken away from a context: so that what needs it fails here. */
const hide = `[
	'Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'FinalizationRegistry', 'Promise', 'BigInt', 'Intl', 'Atomics',
	'BigInt64Array', 'BigUint64Array', 'SharedArrayBuffer', 'WebAssembly', 'escape', 'unescape', 'AggregateError',
	'console', 'Iterator', 'Float16Array',
].forEach(function (name) { delete globalThis[name] });
[[Object, ['entries', 'values', 'fromEntries', 'hasOwn', 'getOwnPropertyDescriptors', 'groupBy']],
 [Array, ['from', 'of', 'fromAsync']],
 [Array.prototype, ['at', 'find', 'findIndex', 'findLast', 'findLastIndex', 'includes', 'fill', 'flat', 'flatMap',
	'entries', 'keys', 'values', 'copyWithin', 'toSorted', 'toReversed', 'toSpliced', 'with', Symbol.iterator]],
 [String.prototype, ['at', 'padStart', 'padEnd', 'trimStart', 'trimEnd', 'replaceAll', 'matchAll', 'normalize',
	'isWellFormed', 'toWellFormed', Symbol.iterator]],
 [Math, ['fround', 'sinh', 'cosh', 'tanh', 'log1p', 'expm1']],
].forEach(function (row) { row[1].forEach(function (name) { delete row[0][name] }) })`

/* Loads a script as the server does, but in Node. Returns its functions. */
export function runInside(code) {
  const context = vm.createContext({})
  vm.runInContext(hide, context)
  return vm.runInContext(code, context, { filename: 'code' })
}

function check(code, functions, inert) {
  let loaded
  try {
    loaded = runInside(code)
  } catch (error) {
    const hint = inert.length ? `\nStood in for by something inert: ${inert.join(', ')}` : ''
    throw new Failure(
      `The code of the schema does not run without a browser and Node's library: ${error.message}${hint}`,
    )
  }
  for (const wanted of functions) {
    if (typeof loaded[wanted.function] !== 'function') {
      throw new Failure(`The code of the schema has no function \`${wanted.function}\`.`)
    }
  }
}

/* `functions`: [{function: its name, how: what of engine/pick.js finds it, and what that is given}].
 * `access`: how the schema is got of the module, as names. Returns the script. */
export async function exportCode(file, access, functions) {
  if (functions.length === 0) return undefined
  const notes = functions.some(({ steps }) => steps)
  const built = await bundle(file, entry(functions, access), { notes, small: true })
  const parts = [readFileSync(polyfill, 'utf8')]
  if (/\bURL\b|\bURLSearchParams\b/.test(built.code)) parts.push(await urlPolyfill())
  parts.push(
    await down(`var made = (function () {
'use strict'
var exports = {}, module = { exports: exports };
${built.code}
return module.exports.functions
})()`),
  )
  const code = await minified(`(function () {\n${parts.join('\n')}\nreturn made;\n})()`)
  check(code, functions, built.inert)
  return code
}
