/* Validators as data (proto/schema.md), and paths to those that are code. */
import { Failure } from './failure.js'
import { forwardedTo, prefixesOf } from './probe.js'

const builtIn = new Set([
  'any',
  'unknown',
  'string',
  'boolean',
  'number',
  'positiveNumber',
  'nonZeroNumber',
  'nonZeroFiniteNumber',
  'unitInterval',
  'integer',
  'positiveInteger',
  'nonZeroInteger',
  'array',
  'unknownObject',
  'jsonValue',
  'indexKey',
  'linkUrl',
  'srcUrl',
  'httpUrl',
])

function isConstant(value) {
  return value === null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value)
}

function isStyle(validator) {
  return (
    typeof validator.id === 'string' &&
    'defaultValue' in validator &&
    typeof validator.type?.validate === 'function' &&
    /^_?_?(?:Enum)?StyleProp\d*$/.test(validator.constructor?.name ?? '')
  )
}

/* `(value) => value`: what a record type has that was given no validator. */
function passesAll(validator) {
  const text = Function.prototype.toString.call(validator.validate)
  return /^(?:validate\s*\(\s*(\w+)\s*\)\s*\{\s*return \1;?\s*\}|\(?\s*(\w+)\s*\)?\s*=>\s*\2|\(?\s*(\w+)\s*\)?\s*=>\s*\{\s*return \3;?\s*\})$/.test(
    text,
  )
}

/* `(value) => other.validate(value)` and nothing else, as recursive validators have it. */
function onlyForwards(validator) {
  const text = Function.prototype.toString.call(validator.validate)
  return (
    /^\(?\s*([\w$]+)\s*\)?\s*=>\s*[\w$.]+\.validate\(\1\)$/.test(text) ||
    /^(?:validate\s*|function\s*[\w$]*\s*|)\(([\w$]+)\)\s*(?:=>\s*)?\{\s*return [\w$.]+\.validate\(\1\);?\s*\}$/.test(
      text,
    )
  )
}

/* `if (n < 0 || n > 1) throw ...` and nothing else: opacity, in tldraw before 5. */
function isUnitInterval(fn) {
  const text = Function.prototype.toString.call(fn)
  return /^\(([\w$]+)\) => \{\s*if \(\1 < 0 \|\| \1 > 1\) \{\s*throw new [\w$.]+\("[^"]*"\);\s*\}\s*\}$/.test(
    text,
  )
}

export class Validators {
  constructor({ schema, notes, modules, child }) {
    this.child = child
    this.notes = notes
    this.modules = modules
    this.names = Object.keys(schema.types)
    this.code = [] // [{function, path, why, how, type, steps}]: how as engine/pick.js names it
    this.definitions = {}
    this.open = new Map() // validators that are being exported: {at, name: of their definition, or null}
    this.enums = [] // [{validator, values}]
    this.enumsSeen = new Set()
    for (const type of Object.values(schema.types)) this.collectEnums(type.validator, new Set())
  }

  /* Finds the validators with finitely many values, to which others may forward. */
  collectEnums(validator, seen) {
    if (!validator || seen.has(validator)) return
    seen.add(validator)
    const note = this.notes.get(validator)
    const style = isStyle(validator)
    const values = this.valuesOf(style ? validator.type : validator)
    if (values && !this.enumsSeen.has(validator)) {
      this.enumsSeen.add(validator)
      if (style) this.enums.unshift({ validator, values })
      else this.enums.push({ validator, values })
    }
    const below = [
      note?.inner,
      note?.a,
      note?.b,
      validator.type,
      validator.itemValidator,
      validator.keyValidator,
    ]
    below.push(validator.valueValidator)
    if (this.is(validator, 'ObjectValidator') || this.is(validator, 'UnionValidator')) {
      below.push(...Object.values(validator.config))
    }
    for (const next of below) {
      if (next && typeof next === 'object') this.collectEnums(next, seen)
    }
  }

  valuesOf(validator) {
    const note = this.notes.get(validator)
    if (note?.kind !== 'enum') return null
    const values = [...note.values]
    return values.every(isConstant) ? values : null
  }

  is(validator, name) {
    return this.modules.some((module) => module[name] && validator instanceof module[name])
  }

  /* A record type's validator; undefined if it accepts everything. */
  ofType(type, validator) {
    if (!validator || passesAll(validator)) return undefined
    return this.export(validator, { type, steps: [], shown: type })
  }

  export(validator, at) {
    if (!validator || typeof validator.validate !== 'function') {
      throw new Failure(`The validator at ${at.shown} is none: it has no function \`validate\`.`)
    }
    if (this.open.has(validator)) return this.recursion(this.open.get(validator))
    this.open.set(validator, { at, name: null })
    const made = this.one(validator, at)
    const { name } = this.open.get(validator)
    this.open.delete(validator)
    if (name === null) return made
    this.definitions[name] = made
    return { kind: 'ref', name }
  }

  /* A validator inside itself: it becomes a definition, named after where it begins. */
  recursion(entry) {
    if (entry.name === null) {
      const taken = new Set([
        ...Object.keys(this.definitions),
        ...[...this.open.values()].map(({ name }) => name),
      ])
      const base =
        entry.at.steps.findLast((step) => step.startsWith('.'))?.slice(1) ?? entry.at.type
      let name = base
      for (let n = 2; taken.has(name); n++) name = `${base}${n}`
      entry.name = name
    }
    return { kind: 'ref', name: entry.name }
  }

  below(validator, at, step) {
    const child = this.child(validator, step)
    const shown = step.startsWith('.')
      ? at.shown + step
      : step === 'item'
        ? `${at.shown}[]`
        : at.shown
    return this.export(child, { type: at.type, steps: [...at.steps, step], shown })
  }

  one(validator, at) {
    const note = this.notes.get(validator)
    if (note && builtIn.has(note.kind)) return { kind: note.kind }
    switch (note?.kind) {
      case 'literal':
        return isConstant(note.value)
          ? { kind: 'literal', value: note.value }
          : this.whole(at, 'a literal that is not JSON')
      case 'enum': {
        const values = this.valuesOf(validator)
        return values?.length
          ? { kind: 'enum', values }
          : this.whole(at, 'an enum whose values are not JSON')
      }
      case 'optional':
      case 'nullable':
        return { kind: note.kind, inner: this.below(validator, at, 'inner') }
      case 'model':
        return { kind: 'model', name: note.name, inner: this.below(validator, at, 'inner') }
      case 'or':
        return { kind: 'or', a: this.below(validator, at, 'a'), b: this.below(validator, at, 'b') }
      case 'refine':
        return this.refinement(validator, note, at)
    }
    if (isStyle(validator)) return this.style(validator, at)
    if (this.is(validator, 'UnionValidator')) return this.union(validator, note, at)
    return this.structure(validator, at)
  }

  structure(validator, at) {
    if (this.is(validator, 'ArrayOfValidator')) {
      return { kind: 'arrayOf', item: this.below(validator, at, 'item') }
    }
    if (this.is(validator, 'DictValidator')) {
      return {
        kind: 'dict',
        key: this.below(validator, at, 'key'),
        value: this.below(validator, at, 'value'),
      }
    }
    if (this.is(validator, 'ObjectValidator')) {
      const fields = {}
      for (const name of Object.keys(validator.config))
        fields[name] = this.below(validator, at, `.${name}`)
      return {
        kind: 'object',
        fields,
        ...(validator.shouldAllowUnknownProperties && { allowUnknown: true }),
      }
    }
    if (passesAll(validator)) return { kind: 'any' }
    const first = this.child(validator, 'forward')
    const known = this.enums.filter((one) => [one.validator, one.validator.type].includes(first))
    const target = first && forwardedTo(validator, known)
    if (target) {
      const made = isStyle(target)
        ? this.style(target, at)
        : { kind: 'enum', values: this.valuesOf(target) }
      return { ...made, note: 'an object that forwards to this' }
    }
    if (onlyForwards(validator) && this.child(validator, 'forward'))
      return this.below(validator, at, 'forward')
    return this.whole(at, 'a function of its own')
  }

  style(validator, at) {
    return { ...this.below(validator, at, 'type'), style: validator.id }
  }

  union(validator, note, at) {
    const variants = {}
    for (const name of Object.keys(validator.config))
      variants[name] = this.below(validator, at, `.${name}`)
    const made = { kind: 'union', key: validator.key, variants }
    if (validator.useNumberKeys) made.numberKeys = true
    if (!note || note.unknown) {
      made.unknown = {
        kind: 'code',
        function: this.asCode('unknownVariant', at, 'unknown variants of a union'),
      }
    }
    return made
  }

  refinement(validator, note, at) {
    const before = this.code.length
    if (this.notes.get(note.inner)?.kind === 'string') {
      const prefixes = prefixesOf(note.fn, this.names)
      if (prefixes) return { kind: 'idPrefix', prefixes }
    }
    if (this.notes.get(note.inner)?.kind === 'number' && isUnitInterval(note.fn))
      return { kind: 'unitInterval' }
    // What the inner validator returns may be something else than it was given if it is a refinement
    // itself: only then the whole has to run as one.
    if (this.refines(note.inner)) return this.whole(at, 'refinements of refinements')
    const inner = this.below(validator, at, 'inner')
    if (this.code.length > before) return this.whole(at, 'a refinement with others inside')
    return { kind: 'code', function: this.asCode('refinement', at, 'a refinement'), inner }
  }

  refines(validator) {
    const note = this.notes.get(validator)
    if (note?.kind === 'refine') return true
    return note?.inner ? this.refines(note.inner) : false
  }

  whole(at, why) {
    // What was found to be code below is part of the whole.
    const inside = (entry) =>
      entry.type === at.type && at.steps.every((step, i) => entry.steps[i] === step)
    this.code = this.code.filter((entry) => !inside(entry))
    return { kind: 'code', function: this.asCode('validator', at, why) }
  }

  asCode(how, at, why) {
    const names = new Set(this.code.map((entry) => entry.function))
    let name = `check ${at.shown}`
    for (let n = 2; names.has(name); n++) name = `check ${at.shown} ${n}`
    this.code.push({ function: name, path: at.shown, why, how, type: at.type, steps: at.steps })
    return name
  }
}

/* How many validators there are in what was exported: {data, prefixes}. */
export function count(made) {
  const counts = { data: 0, prefixes: 0 }
  const walk = (value) => {
    if (typeof value !== 'object' || value === null) return
    if (typeof value.kind === 'string' && value.kind !== 'code') counts.data++
    if (value.kind === 'idPrefix') counts.prefixes++
    Object.values(value).forEach(walk)
  }
  walk(made)
  return counts
}
