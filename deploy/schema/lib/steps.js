/* Migrations of records that only set constants, delete and move members, as steps: see
 * proto/schema.md. A function is called with a Proxy in place of the record that notes what is done;
 * what comes of it is then compared with the function on many records. */
import { isDeepStrictEqual } from 'node:util'

class Unfit extends Error {}

/* Calls `fn` while chance and time are out of reach: what depends on them is no constant. */
function withoutChance(fn) {
  const { random } = Math
  const RealDate = globalThis.Date
  const crypto = Object.getOwnPropertyDescriptor(globalThis, 'crypto')
  const refuse = () => {
    throw new Unfit()
  }
  Math.random = refuse
  globalThis.Date = new Proxy(RealDate, { construct: refuse, apply: refuse, get: refuse })
  Object.defineProperty(globalThis, 'crypto', { get: refuse, configurable: true })
  try {
    return fn()
  } finally {
    Math.random = random
    globalThis.Date = RealDate
    Object.defineProperty(globalThis, 'crypto', crypto)
  }
}

const keyOf = (path) => JSON.stringify(path)

function isJson(value) {
  try {
    return isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value)
  } catch {
    return false
  }
}

/* What a function does to a record, as a Proxy sees it. */
class Trace {
  constructor() {
    this.ops = [] // {op: 'set', path, value} | {op: 'copy', from, path} | {op: 'delete', path}
    this.reads = [] // paths
    this.asked = [] // paths whose presence was asked for
    this.proxies = new Map() // key of path: proxy
    this.paths = new Map() // proxy: path
    this.written = new Map() // key of path: what it is now
    this.root = this.at([])
  }

  at(path) {
    const key = keyOf(path)
    if (!this.proxies.has(key)) {
      const proxy = new Proxy({}, this.traps(path))
      this.proxies.set(key, proxy)
      this.paths.set(proxy, path)
    }
    return this.proxies.get(key)
  }

  /* A member's path, if it can be one of a step. */
  member(path, key) {
    if (typeof key !== 'string' || key === '__proto__' || /^\d+$/.test(key)) throw new Unfit()
    // An object that has been replaced or taken away is no longer part of the record.
    for (let n = 1; n <= path.length; n++) {
      if (this.written.has(keyOf(path.slice(0, n)))) throw new Unfit()
    }
    return [...path, key]
  }

  get(path, key) {
    const member = this.member(path, key)
    const written = this.written.get(keyOf(member))
    if (written) return written.value
    this.reads.push(member)
    return this.at(member)
  }

  set(path, key, value) {
    const member = this.member(path, key)
    const from = this.paths.get(value)
    if (from && keyOf(from) === keyOf(member) && !this.written.has(keyOf(member))) return
    if (from) this.ops.push({ op: 'copy', from, path: member })
    else if (value === undefined) this.ops.push({ op: 'delete', path: member })
    else this.ops.push({ op: 'set', path: member, value })
    this.written.set(keyOf(member), { value })
  }

  delete(path, key) {
    const member = this.member(path, key)
    this.ops.push({ op: 'delete', path: member })
    this.written.set(keyOf(member), { value: undefined })
  }

  traps(path) {
    const refuse = () => {
      throw new Unfit()
    }
    return {
      get: (_target, key) => this.get(path, key),
      set: (_target, key, value) => {
        this.set(path, key, value)
        return true
      },
      deleteProperty: (_target, key) => {
        this.delete(path, key)
        return true
      },
      has: (_target, key) => {
        const member = this.member(path, key)
        if (this.written.has(keyOf(member))) refuse()
        this.asked.push(member)
        return true
      },
      ownKeys: refuse,
      getOwnPropertyDescriptor: refuse,
      defineProperty: refuse,
      getPrototypeOf: refuse,
      setPrototypeOf: refuse,
      isExtensible: refuse,
      preventExtensions: refuse,
    }
  }
}

const begins = (path, start) =>
  start.length <= path.length && start.every((name, i) => path[i] === name)

function traced(fn) {
  const trace = new Trace()
  const result = withoutChance(() => fn(trace.root))
  if (result && result !== trace.root) throw new Unfit()
  const paths = trace.ops.flatMap(({ path, from }) => (from ? [path, from] : [path]))
  const copied = trace.ops.filter(({ op }) => op === 'copy').map(({ from }) => keyOf(from))
  for (const read of trace.reads) {
    if (keyOf(read) === '["props"]') continue // what hands the props on to a function reads them always
    const parent = paths.some((path) => path.length > read.length && begins(path, read))
    if (!parent && !copied.includes(keyOf(read))) throw new Unfit()
  }
  for (const asked of trace.asked) {
    if (!paths.some((path) => begins(path, asked))) throw new Unfit()
  }
  return { trace, steps: toSteps(trace.ops) }
}

/* A copy is a move if what was copied is deleted right afterwards. */
function toSteps(ops) {
  const steps = []
  for (let i = 0; i < ops.length; i++) {
    const { op, path, value, from } = ops[i]
    if (op === 'set') {
      if (!isJson(value)) throw new Unfit()
      steps.push({ op, path, value: JSON.parse(JSON.stringify(value)) })
    } else if (op === 'delete') {
      steps.push({ op, path })
    } else {
      const next = ops[++i]
      if (next?.op !== 'delete' || keyOf(next.path) !== keyOf(from)) throw new Unfit()
      if (begins(path, from) || begins(from, path)) throw new Unfit()
      // The original overwrites also with nothing.
      steps.push({ op: 'delete', path }, { op: 'rename', from, to: path })
    }
  }
  return steps
}

// ---- the steps, as the server runs them ----

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

function parentOf(record, path, make) {
  let at = record
  for (const name of path.slice(0, -1)) {
    if (at[name] === undefined && make) at[name] = {}
    at = at[name]
    if (!isObject(at)) return null
  }
  return at
}

export function applySteps(record, steps) {
  for (const { op, path, value, from, to } of steps) {
    const made = op === 'set' || op === 'default'
    const parent = parentOf(record, path ?? from, made)
    const last = (path ?? from).at(-1)
    if (!parent) continue
    if (op === 'set' || (op === 'default' && parent[last] === undefined))
      parent[last] = structuredClone(value)
    else if (op === 'delete') delete parent[last]
    else if (op === 'rename' && last in parent) {
      const target = parentOf(record, to, false)
      if (!target) continue
      const moved = parent[last]
      delete parent[last]
      target[to.at(-1)] = moved
    }
  }
  return record
}

// ---- comparing ----

const leaves = [
  null,
  false,
  true,
  0,
  1,
  -1.5,
  '',
  'a',
  'start',
  'middle',
  'justify',
  'black',
  'https://x.y/',
  [],
  [1, 'a'],
  [{ a: 1 }],
  {},
  { a: 1 },
  { attrs: {} },
  { x: 1, y: 2 },
]

/* A reproducible source of numbers below n. */
function numbers(seed) {
  let state = seed
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}

function put(record, path, value) {
  let at = record
  for (const name of path.slice(0, -1)) {
    if (!isObject(at[name])) at[name] = {}
    at = at[name]
  }
  if (value === undefined) delete at[path.at(-1)]
  else at[path.at(-1)] = structuredClone(value)
}

function* records(paths) {
  const prefixes = new Map()
  for (const path of paths) {
    for (let n = 1; n <= path.length; n++) prefixes.set(keyOf(path.slice(0, n)), path.slice(0, n))
  }
  const all = [...prefixes.values()].sort((a, b) => a.length - b.length)
  const isParent = (path) => all.some((other) => other.length > path.length && begins(other, path))
  const base = { id: 'shape:a', typeName: 'shape', other: { untouched: [1, null] } }
  for (const path of all) put(base, path, isParent(path) ? { other: 1 } : 'was here')
  yield { record: structuredClone(base), whole: true }
  for (const path of all) {
    for (const value of [undefined, ...leaves]) {
      const record = structuredClone(base)
      put(record, path, value)
      yield { record, whole: !isParent(path) || isObject(value) }
    }
  }
  const below = numbers(7)
  for (let n = 0; n < 300; n++) {
    const record = structuredClone(base)
    for (const path of all) {
      if (isParent(path)) continue
      const pick = below(leaves.length + 1)
      put(record, path, pick === leaves.length ? undefined : leaves[pick])
    }
    yield { record, whole: true }
  }
}

/* Whether steps do what the function does. Where a parent is missing the function may fail instead:
 * such a record is no valid one. */
function agree(fn, steps, paths) {
  for (const { record, whole } of records(paths)) {
    const mine = structuredClone(record)
    let expected
    try {
      expected = fn(mine) || mine
    } catch {
      if (whole) return false
      continue
    }
    const got = applySteps(structuredClone(record), steps)
    if (!isDeepStrictEqual(JSON.parse(JSON.stringify(got)), JSON.parse(JSON.stringify(expected))))
      return false
  }
  return true
}

/* With `x = old ?? null` for a move: the same, but what is missing is set first. */
function withDefaults(steps) {
  return steps.flatMap((step) =>
    step.op === 'rename' ? [{ op: 'default', path: step.from, value: null }, step] : [step],
  )
}

/* A migration's function as steps, or null if it does more than steps can. */
export function asSteps(fn) {
  try {
    const { trace, steps } = traced(fn)
    const again = traced(fn)
    if (!isDeepStrictEqual(again.steps, steps)) return null
    const paths = [
      ...trace.reads,
      ...trace.asked,
      ...trace.ops.flatMap(({ path, from }) => (from ? [path, from] : [path])),
    ]
    if (paths.length === 0) paths.push(['props', 'a'], ['meta', 'a'])
    return [steps, withDefaults(steps)].find((candidate) => agree(fn, candidate, paths)) ?? null
  } catch {
    return null // whatever it is, it does not end well with a Proxy
  }
}
