/* A plain reading of proto/schema.md, to compare exported schemas with the originals. */

const isObject = (value) => typeof value === 'object' && value !== null
const own = (object, key) => (Object.hasOwn(object, key) ? object[key] : undefined)
const finite = (value) => Number.isFinite(value)

function isIndexKey(value) {
  if (typeof value !== 'string') return false
  const first = value.charAt(0)
  let length
  if (first >= 'a' && first <= 'z') length = first.charCodeAt(0) - 97 + 2
  else if (first >= 'A' && first <= 'Z') length = 90 - first.charCodeAt(0) + 2
  else return false
  if (value.length < length || value === `A${'0'.repeat(26)}`) return false
  return value.length === length || !value.endsWith('0')
}

function isUrl(value, schemes) {
  if (typeof value !== 'string') return false
  if (value === '') return true
  const parse = (...words) => {
    try {
      return new URL(...words)
    } catch {
      return null
    }
  }
  const relative = value.startsWith('/') || value.startsWith('./')
  const url = parse(value) ?? (relative ? parse(value, 'http://example.com') : null)
  return url !== null && schemes.includes(url.protocol)
}

const simple = {
  any: () => true,
  unknown: () => true,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: finite,
  positiveNumber: (value) => finite(value) && value >= 0,
  nonZeroNumber: (value) => finite(value) && value > 0,
  nonZeroFiniteNumber: (value) => finite(value) && value !== 0,
  unitInterval: (value) => finite(value) && value >= 0 && value <= 1,
  integer: Number.isInteger,
  positiveInteger: (value) => Number.isInteger(value) && value >= 0,
  nonZeroInteger: (value) => Number.isInteger(value) && value > 0,
  array: Array.isArray,
  unknownObject: isObject,
  jsonValue: (value) => value !== undefined,
  indexKey: isIndexKey,
  linkUrl: (value) => isUrl(value, ['http:', 'https:', 'mailto:']),
  srcUrl: (value) => isUrl(value, ['http:', 'https:', 'data:', 'asset:']),
  httpUrl: (value) => isUrl(value, ['http:', 'https:']),
}

/* Validators: `schema` is a parsed schema file, `functions` those of its code. */
export function accepts(schema, functions, validator, value) {
  const below = (inner, part) => accepts(schema, functions, inner, part)
  if (!validator) return true
  if (simple[validator.kind]) return simple[validator.kind](value)
  switch (validator.kind) {
    case 'literal':
      return value === validator.value
    case 'enum':
      return validator.values.includes(value)
    case 'arrayOf':
      return Array.isArray(value) && value.every((item) => below(validator.item, item))
    case 'object':
      return (
        isObject(value) &&
        Object.keys(validator.fields).every((key) =>
          below(validator.fields[key], own(value, key)),
        ) &&
        (validator.allowUnknown ||
          Object.keys(value).every((key) => Object.hasOwn(validator.fields, key)))
      )
    case 'dict':
      return (
        isObject(value) &&
        Object.keys(value).every(
          (key) => below(validator.key, key) && below(validator.value, value[key]),
        )
      )
    case 'union': {
      if (!isObject(value)) return false
      const variant = own(value, validator.key)
      if (typeof variant !== (validator.numberKeys ? 'number' : 'string')) return false
      const inner = own(validator.variants, variant) ?? validator.unknown
      return inner !== undefined && below(inner, value)
    }
    case 'optional':
      return value === undefined || below(validator.inner, value)
    case 'nullable':
      return value === null || below(validator.inner, value)
    case 'or':
      return below(validator.a, value) || below(validator.b, value)
    case 'model':
      return below(validator.inner, value)
    case 'idPrefix':
      return (
        typeof value === 'string' && validator.prefixes.some((prefix) => value.startsWith(prefix))
      )
    case 'ref':
      return below(schema.definitions[validator.name], value)
    case 'code':
      if (validator.inner && !below(validator.inner, value)) return false
      try {
        functions[validator.function](value)
        return true
      } catch {
        return false
      }
    default:
      throw new Error(`unknown kind ${validator.kind}`)
  }
}

/* Steps of a record. */
export function step(record, { op, path, value, from, to }) {
  const parent = (names, make) => {
    let at = record
    for (const name of names.slice(0, -1)) {
      if (at[name] === undefined && make) at[name] = {}
      at = at[name]
      if (!isObject(at)) return undefined
    }
    return at
  }
  if (op === 'set' || op === 'default') {
    const at = parent(path, true)
    if (at && (op === 'set' || !Object.hasOwn(at, path.at(-1))))
      at[path.at(-1)] = structuredClone(value)
  } else if (op === 'delete') {
    const at = parent(path, false)
    if (at) delete at[path.at(-1)]
  } else if (op === 'rename') {
    const at = parent(from, false)
    const target = parent(to, false)
    if (!at || !target || !Object.hasOwn(at, from.at(-1))) return
    const moved = at[from.at(-1)]
    delete at[from.at(-1)]
    target[to.at(-1)] = moved
  } else throw new Error(`unknown op ${op}`)
}

export function passes(filter, functions, record) {
  if (!filter) return true
  if (filter.function) return Boolean(functions[filter.function](record))
  return Object.keys(filter).every((key) => record[key] === filter[key])
}
