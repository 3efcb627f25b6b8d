/* What the code of a schema file does when it is loaded: it has built the app's schema, and picks
 * out of it the functions that the file names. */
import { child, notes } from './instrument.js'

function follow(schema, type, steps) {
  return steps.reduce(child, schema.types[type].validator)
}

/* The whole validator. */
export function validator(schema, type, steps) {
  const found = follow(schema, type, steps)
  return (value) => found.validate(value)
}

/* Only what a refinement adds to its inner validator. */
export function refinement(schema, type, steps) {
  return notes.get(follow(schema, type, steps)).fn
}

/* What a union does with a variant that it does not know. */
export function unknownVariant(schema, type, steps) {
  const found = follow(schema, type, steps)
  return (value) => found.unknownValueValidation(value, value[found.key])
}

/* One function of a migration: name is `filter`, `up` or `down`. */
export function migration(schema, sequence, index, name) {
  const found = schema.migrations[sequence].sequence[index]
  return (value) => found[name](value)
}

function iterable(found) {
  if (Array.isArray(found)) return found
  const list = []
  for (let next = found.next(); !next.done; next = found.next()) list.push(next.value)
  return list
}

/* The same of a migration of the storage, whose iterators need not be iterable here. */
export function storageMigration(schema, sequence, index) {
  const found = schema.migrations[sequence].sequence[index]
  return (storage) =>
    found.up({
      get: (id) => storage.get(id),
      has: (id) => storage.get(id) !== undefined,
      set: (id, record) => storage.set(id, record),
      delete: (id) => storage.delete(id),
      entries: () => iterable(storage.entries()),
      keys: () => iterable(storage.keys()),
      values: () => iterable(storage.values()),
      getSchema: () => undefined,
      setSchema: () => undefined,
      getClock: () => 0,
      [Symbol.iterator]: () => iterable(storage.entries())[Symbol.iterator](),
    })
}
