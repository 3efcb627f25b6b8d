/* Makes a schema file of an app's schema module, and a report on what became what. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { exportCode } from './code.js'
import { Failure } from './failure.js'
import { load } from './load.js'
import { exportMigrations } from './migrations.js'
import { count, Validators } from './validators.js'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

/* What a new room of tldraw's starts with. */
const tldrawDocuments = [
  { id: 'document:document', typeName: 'document', gridSize: 10, name: '', meta: {} },
  { id: 'page:page', typeName: 'page', name: 'Page 1', index: 'a1', meta: {} },
]

function documentsOf(schema, option) {
  if (option === 'none') return undefined
  if (!option)
    return schema.types.document && schema.types.page && schema.types.shape
      ? tldrawDocuments
      : undefined
  let documents
  try {
    documents = JSON.parse(readFileSync(option, 'utf8'))
  } catch (error) {
    throw new Failure(`The documents cannot be read: ${error.message}`)
  }
  if (!Array.isArray(documents)) throw new Failure(`${option} is not a list of records.`)
  return documents
}

/* The documents are what the schema takes. */
function checkDocuments(schema, documents) {
  for (const record of documents ?? []) {
    const type = schema.types[record?.typeName]
    if (!type || type.scope !== 'document') {
      throw new Failure(
        `A room cannot start with ${JSON.stringify(record?.id)}: it is of no document type.`,
      )
    }
    try {
      type.validator.validate(record)
    } catch (error) {
      throw new Failure(`A room cannot start with ${JSON.stringify(record.id)}: ${error.message}`)
    }
  }
}

function checkTypes(schema, objectTypes) {
  const presence = Object.keys(schema.types).filter(
    (name) => schema.types[name].scope === 'presence',
  )
  if (presence.length > 1)
    throw new Failure(`More than one type has scope presence: ${presence.join(', ')}.`)
  for (const name of objectTypes) {
    if (schema.types[name]?.scope !== 'document')
      throw new Failure(`There is no document type ${name}.`)
  }
}

function checkCode(functions, option) {
  if (option !== false || functions.length === 0) return
  const list = functions.map((wanted) => `  ${wanted.function}`).join('\n')
  throw new Failure(`Without code this cannot be exported:\n${list}`)
}

/* options: {source: file, exportName, objectTypes, documents: file or 'none', code: false to refuse}.
 * Returns {text, report}. */
export async function exportSchema(options) {
  const file = path.resolve(options.source)
  const exportName = options.exportName ?? 'default'
  const objectTypes = options.objectTypes ?? []
  if (!existsSync(file) || !statSync(file).isFile())
    throw new Failure(`There is no file ${options.source}.`)
  const loaded = await load(file, exportName)
  const { schema } = loaded
  checkTypes(schema, objectTypes)

  const validators = new Validators(loaded)
  const types = {}
  for (const [name, type] of Object.entries(schema.types)) {
    const validator = validators.ofType(name, type.validator)
    types[name] = { scope: type.scope, ...(validator && { validator }) }
  }
  const { sequences, order, code: migrating, found } = exportMigrations(schema, types)
  const documents = documentsOf(schema, options.documents)
  checkDocuments(schema, documents)
  const functions = [...validators.code, ...migrating]
  checkCode(functions, options.code)
  const code = await exportCode(file, loaded.access, functions)

  const made = {
    roomdSchema: 1,
    about: {
      exporter: `roomd-schema ${version}`,
      source: path.basename(file),
      packages: loaded.packages,
    },
    types,
    ...(objectTypes.length && { objectTypes }),
    ...(Object.keys(validators.definitions).length && { definitions: validators.definitions }),
    sequences,
    order,
    ...(documents && { documents }),
    ...(code !== undefined && { code }),
  }
  const text = render(made)
  const report = {
    source: path.basename(file),
    packages: loaded.packages,
    types: Object.fromEntries(Object.entries(types).map(([name, { scope }]) => [name, scope])),
    validators: {
      ...count([types, validators.definitions]),
      code: validators.code.map(({ path: at, why, function: name }) => ({
        path: at,
        why,
        function: name,
      })),
    },
    migrations: found,
    inert: loaded.inert,
    size: { file: Buffer.byteLength(text), code: code ? Buffer.byteLength(code) : 0 },
  }
  return { text, report }
}

/* One line for each type and each sequence, so that differences between two files can be read. */
function render(made) {
  const lines = Object.entries(made).map(([name, value]) => {
    const start = `${JSON.stringify(name)}: `
    if (name === 'sequences' || name === 'documents') {
      return `${start}[\n${value.map((item) => `  ${JSON.stringify(item)}`).join(',\n')}\n]`
    }
    if (name === 'types' || name === 'definitions') {
      const rows = Object.entries(value).map(
        ([key, item]) => `  ${JSON.stringify(key)}: ${JSON.stringify(item)}`,
      )
      return `${start}{\n${rows.join(',\n')}\n}`
    }
    return start + JSON.stringify(value)
  })
  return `{${lines.join(',\n')}}\n`
}
