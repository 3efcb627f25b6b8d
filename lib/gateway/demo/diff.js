/* Records and their differences, as the sync protocol writes them: network ops on records, object
 * diffs within them. Pure. */

/* What a push came to: as we meant it, not at all, or as something else that the server says. */
export function outcome(push, action) {
  if (action === 'commit') {
    return push.diff ?? {}
  }
  return action === 'discard' ? {} : action.rebaseWithDiff
}

/* Record op: ["put", record], ["patch", objectDiff] or ["remove"]. A patch of what is gone is
 * void. */
export function applyOp(record, [name, value]) {
  switch (name) {
    case 'put':
      return value
    case 'patch':
      return record && applyDiff(record, value)
    case 'remove':
      return undefined
    default:
      return record
  }
}

/* Member ops: ["put", value], ["patch", objectDiff], ["append", tail, offset] and ["delete"], where
 * an append counts only at the very end of what is there (lengths in UTF-16 units, as JavaScript
 * has them). Gives the same object back when nothing changed, and never alters its input. */
export function applyDiff(object, diff) {
  if (object === null || typeof object !== 'object') {
    return object
  }
  let result = object
  const write = (key, value) => {
    if (result === object) {
      result = Array.isArray(object) ? [...object] : { ...object }
    }
    result[key] = value
  }
  for (const [key, op] of Object.entries(diff)) {
    if (!Array.isArray(op) || !canHold(object, key)) {
      continue
    }
    const old = own(object, key)
    const [name, value, offset] = op
    if (name === 'put' && !isEqual(old, value)) {
      write(key, value)
    } else if (name === 'patch') {
      const patched = applyDiff(old, value)
      if (patched !== old) {
        write(key, patched)
      }
    } else if (name === 'append' && old?.length === offset) {
      if (typeof old === 'string' && typeof value === 'string') {
        write(key, old + value)
      } else if (Array.isArray(old) && Array.isArray(value)) {
        write(key, [...old, ...value])
      }
    } else if (name === 'delete' && old !== undefined) {
      write(key, undefined)
      delete result[key]
    }
  }
  return result
}

/* Members of an array go by canonical indexes, and no server's diff leaves gaps; __proto__ would
 * not make a member at all. */
function canHold(object, key) {
  return Array.isArray(object)
    ? /^(0|[1-9]\d*)$/.test(key) && key <= object.length
    : key !== '__proto__'
}

/* The op that makes `next` of `prev` (undefined: no such record), null when they are equal. The
 * protocol can also patch inside `props`, `meta` and arrays; flat records do without. Where our op
 * is not the one the server would have chosen it answers with its own, which comes to the same. */
export function opBetween(prev, next) {
  if (!prev || !next) {
    return next ? ['put', next] : prev ? ['remove'] : null
  }
  const diff = {}
  for (const key of Object.keys({ ...prev, ...next })) {
    const [a, b] = [own(prev, key), own(next, key)]
    if (b === undefined) {
      diff[key] = ['delete']
    } else if (typeof a === 'string' && typeof b === 'string' && a !== b && b.startsWith(a)) {
      diff[key] = ['append', b.slice(a.length), a.length]
    } else if (!isEqual(a, b)) {
      diff[key] = ['put', b]
    }
  }
  return Object.keys(diff).length > 0 ? ['patch', diff] : null
}

/* Records are JSON: a member called `constructor` or `toString` is data like any other. */
export function own(object, key) {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

export function isEqual(a, b) {
  if (a === b || a === null || b === null || typeof a !== 'object' || typeof b !== 'object') {
    return a === b
  }
  const keys = Object.keys(a)
  return (
    Array.isArray(a) === Array.isArray(b) &&
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key], b[key]))
  )
}
