/* Where the code of a schema file is run: in Node without what Duktape lacks, and in Duktape. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runInside } from '../../lib/code.js'

export const hasDuktape = spawnSync('duk', ['-e', '0']).error === undefined

// Plain ES5. Calls are [function, 'check' | 'migrate' | 'test' | 'storage', value]; a result is
// {threw: true} or {value}.
const caller = `(function (functions, calls) {
	function storageOf(records, written) {
		var ids = Object.keys(records)
		return {
			get: function (id) { return records[id] },
			set: function (id, record) { records[id] = record },
			delete: function (id) { delete records[id] },
			keys: function () { return Object.keys(records) },
			values: function () { return Object.keys(records).map(function (id) { return records[id] }) },
			entries: function () { return Object.keys(records).map(function (id) { return [id, records[id]] }) },
		}
	}
	Math.random = function () { return 0.3 }
	return calls.map(function (call) {
		var fn = functions[call[0]]
		var returned
		try {
			if (call[1] === 'storage') {
				fn(storageOf(call[2]))
				return { value: call[2] }
			}
			returned = fn(call[2])
			if (call[1] === 'check') return { value: null }
			if (call[1] === 'test') return { value: Boolean(returned) }
			return { value: returned || call[2] }
		} catch (error) {
			return { threw: true }
		}
	})
})`

/* An engine takes code and calls, and returns the results. */
export const engines = {
  node(code, calls) {
    const functions = runInside(code)
    return JSON.parse(
      JSON.stringify((0, eval)(caller)(functions, JSON.parse(JSON.stringify(calls)))),
    )
  },
  ...(hasDuktape && {
    duktape(code, calls) {
      const folder = mkdtempSync(path.join(tmpdir(), 'roomd-schema-'))
      try {
        const file = path.join(folder, 'calls.js')
        // Text in a string: what is between the calls and the code is JSON, as it is for the server.
        const text = JSON.stringify(JSON.stringify(calls)).replace(
          /[\u007f-\uffff]/g,
          (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
        )
        writeFileSync(
          file,
          `var functions = ${code};\nprint(JSON.stringify(${caller}(functions, JSON.parse(${text}))))\n`,
        )
        const { status, stdout, stderr } = spawnSync('duk', [file], {
          encoding: 'utf8',
          maxBuffer: 1 << 28,
        })
        if (status !== 0) throw new Error(`duk: ${stderr || stdout.slice(0, 2000)}`)
        return JSON.parse(stdout)
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  }),
}

/* The same of functions of Node's own. */
export function callHere(functions, calls) {
  const { random } = Math
  try {
    return JSON.parse(
      JSON.stringify((0, eval)(caller)(functions, JSON.parse(JSON.stringify(calls)))),
    )
  } finally {
    Math.random = random
  }
}
