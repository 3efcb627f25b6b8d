/* Goes into the bundles in front of tldraw's validation module. Validators hide what they were made
 * of in closures, so what the factories are given is noted here. */

/* What is known of a validator that does not show it: {kind, ...}. */
export const notes = new WeakMap()
/* The validation modules that were loaded: there may be one for `import` and one for `require`. */
export const modules = []

const simple = [
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
  'bigint',
]

function noted(validator, note) {
  notes.set(validator, note)
  return validator
}

function patchMethods(real) {
  const { Validator, UnionValidator } = real
  const { check } = Validator.prototype
  const { refine } = Validator.prototype
  Validator.prototype.refine = function (fn) {
    return noted(refine.call(this, fn), { kind: 'refine', inner: this, fn })
  }
  Validator.prototype.check = function (name, fn) {
    const made = check.call(this, name, fn)
    return noted(made, { kind: 'refine', inner: this, fn: typeof name === 'string' ? fn : name })
  }
  Validator.prototype.optional = function () {
    return factories(real).optional(this)
  }
  Validator.prototype.nullable = function () {
    return factories(real).nullable(this)
  }
  const { validateUnknownVariants } = UnionValidator.prototype
  UnionValidator.prototype.validateUnknownVariants = function (fn) {
    return noted(validateUnknownVariants.call(this, fn), { kind: 'union', unknown: fn })
  }
}

function factories(real) {
  return {
    literal: (value) => noted(real.literal(value), { kind: 'literal', value }),
    setEnum: (values) => noted(real.setEnum(values), { kind: 'enum', values }),
    literalEnum: (...values) =>
      noted(real.literalEnum(...values), { kind: 'enum', values: new Set(values) }),
    optional: (inner) => noted(real.optional(inner), { kind: 'optional', inner }),
    nullable: (inner) => noted(real.nullable(inner), { kind: 'nullable', inner }),
    or: (a, b) => noted(real.or(a, b), { kind: 'or', a, b }),
    model: (name, inner) => noted(real.model(name, inner), { kind: 'model', name, inner }),
    union: (key, config) => noted(real.union(key, config), { kind: 'union' }),
    numberUnion: (key, config) => noted(real.numberUnion(key, config), { kind: 'union' }),
  }
}

/* Returns what takes the place of the module's factories. */
export function instrument(real) {
  modules.push(real)
  patchMethods(real)
  for (const name of simple) {
    if (real[name]) noted(real[name], { kind: name })
  }
  return factories(real)
}

/* The first validator that an object's function `validate` calls, or null. */
export function forwarded(object) {
  let found = null
  const kept = modules.map(({ Validator }) => Validator.prototype.validate)
  modules.forEach(({ Validator }) => {
    Validator.prototype.validate = function (value) {
      if (!found) found = this
      return value
    }
  })
  try {
    object.validate(null)
  } catch (error) {
    found = null
  }
  modules.forEach(({ Validator }, i) => {
    Validator.prototype.validate = kept[i]
  })
  return found
}

/* The validator that one step of a path leads to. */
export function child(validator, step) {
  if (step.charAt(0) === '.') return validator.config[step.slice(1)]
  if (step === 'item') return validator.itemValidator
  if (step === 'key') return validator.keyValidator
  if (step === 'value') return validator.valueValidator
  if (step === 'type') return validator.type
  if (step === 'forward') return forwarded(validator)
  return notes.get(validator)[step]
}
