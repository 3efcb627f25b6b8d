#!/usr/bin/env node
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { exportSchema } from '../lib/export.js'
import { Failure } from '../lib/failure.js'
import { asText } from '../lib/report.js'

const usage = `usage: roomd-schema MODULE -o FILE [option...]

Writes the schema that MODULE (TypeScript or JavaScript) exports to a file for \`roomd --schema\`.

  -o, --output FILE     where to; - is the standard output
  --export NAME         the export that is the schema (default)
  --object-type NAME    a document type that is governed by object access; may be repeated
  --documents FILE      what a new room starts with: a JSON list of records, or \`none\`
                        (of tldraw: the document and one page)
  --no-code             fails if something would have to be exported as code
  --json                the report as JSON
  -q, --quiet           no report
`

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o' },
      export: { type: 'string' },
      'object-type': { type: 'string', multiple: true },
      documents: { type: 'string' },
      'no-code': { type: 'boolean' },
      json: { type: 'boolean' },
      quiet: { type: 'boolean', short: 'q' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    process.exit(0)
  }
  if (positionals.length !== 1) throw new Error('there must be one MODULE')
  if (!values.output) throw new Error('there is no -o FILE')
  return { ...values, source: positionals[0] }
}

async function main(given) {
  const { text, report } = await exportSchema({
    source: given.source,
    exportName: given.export,
    objectTypes: given['object-type'],
    documents: given.documents,
    code: !given['no-code'],
  })
  if (given.output === '-') process.stdout.write(text)
  else writeFileSync(given.output, text)
  if (given.quiet) return
  const shown = given.json ? `${JSON.stringify(report, null, '\t')}\n` : asText(report)
  ;(given.output === '-' ? process.stderr : process.stdout).write(shown)
}

let given
try {
  given = options()
} catch (error) {
  process.stderr.write(`roomd-schema: ${error.message}\n\n${usage}`)
  process.exit(2)
}
try {
  await main(given)
} catch (error) {
  process.stderr.write(`roomd-schema: ${error instanceof Failure ? error.message : error.stack}\n`)
  process.exit(1)
}
