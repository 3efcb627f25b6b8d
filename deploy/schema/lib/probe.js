/* Finds out by calling them what functions do that show nothing of themselves. */

const methods = [
  'at',
  'charAt',
  'charCodeAt',
  'codePointAt',
  'concat',
  'endsWith',
  'includes',
  'indexOf',
  'lastIndexOf',
  'localeCompare',
  'match',
  'matchAll',
  'normalize',
  'padEnd',
  'padStart',
  'repeat',
  'replace',
  'replaceAll',
  'search',
  'slice',
  'split',
  'startsWith',
  'substr',
  'substring',
  'toLowerCase',
  'toUpperCase',
  'toLocaleLowerCase',
  'toLocaleUpperCase',
  'trim',
  'trimEnd',
  'trimStart',
  'valueOf',
  'toString',
]

/* Runs `fn` while calls of string methods and regular expressions are watched. Returns {result,
 * threw, calls: [{method, args}]}. */
function watched(fn) {
  const kept = methods.map((name) => String.prototype[name])
  const exec = RegExp.prototype.exec
  const calls = []
  let result
  let threw = false
  methods.forEach((name, i) => {
    String.prototype[name] = function (...args) {
      calls.push({ method: name, args })
      return kept[i].apply(this, args)
    }
  })
  RegExp.prototype.exec = function (...args) {
    calls.push({ method: 'exec', args: [] })
    return exec.apply(this, args)
  }
  try {
    result = fn()
  } catch {
    threw = true
  } finally {
    methods.forEach((name, i) => (String.prototype[name] = kept[i]))
    RegExp.prototype.exec = exec
  }
  return { result, threw, calls }
}

function changedSlightly(text) {
  return [
    text,
    `${text}x`,
    `${text}${text}`,
    ` ${text}`,
    `x${text}`,
    text.slice(0, -1),
    text.slice(1),
    text.toUpperCase(),
    `${text} `,
    `${text}\u0000`,
    `${text}\u{1f600}`,
    `${text}${'a'.repeat(300)}`,
    `${text}.*`,
    `${text}:`,
    `${text}0`,
    `${text}-1`,
    `${text}/`,
    `${text}\n${text}`,
  ]
}

const odd = [
  '',
  ' ',
  ':',
  'a',
  'x:y',
  '0',
  'null',
  'undefined',
  'toString',
  '__proto__',
  '\ud800',
  'a:b:c',
]

/* The prefixes of which a string must have one for `fn` to return it rather than throw, or null if
 * that is not what `fn` tests. The only thing it may do with the string is `startsWith`. */
export function prefixesOf(fn, names) {
  const prefixes = new Set()
  const tried = new Set()
  const waiting = [...odd, ...names.flatMap((name) => [name, `${name}:`, `${name}:x`])]
  const verdicts = new Map()
  while (waiting.length) {
    const text = waiting.pop()
    if (tried.has(text)) continue
    tried.add(text)
    if (tried.size > 5000) return null
    const { result, threw, calls } = watched(() => fn(text))
    if (!threw && result !== text && result !== undefined) return null
    for (const { method, args } of calls) {
      if (method !== 'startsWith' || args.length !== 1 || typeof args[0] !== 'string') return null
      if (!prefixes.has(args[0])) waiting.push(...changedSlightly(args[0]))
      prefixes.add(args[0])
    }
    if (calls.length === 0) return null
    verdicts.set(text, !threw)
  }
  const wanted = [...prefixes].filter((prefix) => verdicts.get(prefix))
  if (wanted.length === 0) return null
  for (const [text, accepted] of verdicts) {
    if (accepted !== wanted.some((prefix) => text.startsWith(prefix))) return null
  }
  return wanted
}

const samples = [
  undefined,
  null,
  true,
  false,
  0,
  -0,
  1,
  2,
  -1,
  0.5,
  NaN,
  Infinity,
  '',
  'a',
  '0',
  'null',
  'true',
  [],
  {},
  [1],
  { a: 1 },
  () => 0,
]

function accepts(validate, value) {
  try {
    validate(value)
    return true
  } catch {
    return false
  }
}

/* The validator to which a plain object with a `validate` function hands on what it is given, or
 * null. `known` are candidates that accept finitely many values: [{validator, values}]. */
export function forwardedTo(object, known) {
  const spoken = new Set(known.flatMap(({ values }) => values))
  const tries = [...samples, ...spoken, ...[...spoken].map((value) => `${value}x`)]
  const verdicts = tries.map((value) => accepts((given) => object.validate(given), value))
  const found = known.filter(({ values }) =>
    tries.every((value, i) => verdicts[i] === values.includes(value === 0 ? 0 : value)),
  )
  return found.length ? found[0].validator : null
}

/* What a filter says to a record of which it may read nothing but these two members. */
function asked(filter, typeName, type) {
  const record = new Proxy(
    {},
    {
      get(_target, key) {
        if (key === 'typeName') return typeName
        if (key === 'type') return type
        throw new Error('more is read')
      },
      has(_target, key) {
        if (key === 'typeName') return true
        if (key === 'type') return type !== undefined
        throw new Error('more is asked')
      },
      ownKeys() {
        throw new Error('all is read')
      },
    },
  )
  return Boolean(filter(record))
}

function literalsOf(fn) {
  return [...Function.prototype.toString.call(fn).matchAll(/(["'`])((?:(?!\1)[^\\\n])*)\1/g)].map(
    (match) => match[2],
  )
}

/* A record filter as data: {typeName} or {typeName, type}, or null if it tests something else.
 * `types` are the names of record types, `subtypes` the values of `type` that there are. */
export function filterAsData(filter, types, subtypes) {
  const literals = literalsOf(filter)
  const near = (names) =>
    names.flatMap((name) => [name, `${name}x`, `x${name}`, name.slice(1), name.toUpperCase()])
  const typeNames = [...new Set([...near([...types, ...literals]), '', 'another'])]
  const typeValues = [
    ...new Set([...near([...subtypes, ...literals]), '', 'another', undefined, null, 1]),
  ]
  const pairs = typeNames.flatMap((typeName) => typeValues.map((type) => ({ typeName, type })))
  const {
    result: passed,
    threw,
    calls,
  } = watched(() => pairs.filter(({ typeName, type }) => asked(filter, typeName, type)))
  if (threw || calls.length) return null
  const names = new Set(passed.map(({ typeName }) => typeName))
  if (names.size !== 1) return null
  const [typeName] = names
  if (passed.length === typeValues.length) return { typeName }
  if (passed.length === 1 && typeof passed[0].type === 'string') return passed[0]
  return null
}
