/* Migrations: as steps where that says all, else as code. */
import { Failure } from './failure.js'
import { filterAsData } from './probe.js'
import { asSteps } from './steps.js'

/* The values of `type` for which there are sequences or variants: what filters may ask for. */
function subtypesOf(schema, types) {
  const names = new Set()
  for (const id of Object.keys(schema.migrations)) names.add(id.split('.').at(-1))
  const walk = (node) => {
    if (node?.kind === 'union' && node.key === 'type')
      Object.keys(node.variants).forEach((name) => names.add(name))
    for (const value of Object.values(node ?? {}))
      if (value && typeof value === 'object') walk(value)
  }
  walk(types)
  return [...names]
}

/* Returns {sequences, order, code: [{function, how, sequence, index, name}], found: for the report}. */
export function exportMigrations(schema, types) {
  const subtypes = subtypesOf(schema, types)
  const code = []
  const found = []

  const asCode = (how, sequence, index, name) => {
    const id = sequence.sequence[index].id
    const entry = { function: `${name} ${id}`, how, sequence: sequence.sequenceId, index, name }
    code.push(entry)
    return { function: entry.function }
  }
  const filter = (sequence, index, seen) => {
    const migration = sequence.sequence[index]
    if (!migration.filter) return {}
    const asData = filterAsData(migration.filter, Object.keys(schema.types), subtypes)
    seen.filter = asData ? 'data' : 'code'
    return { filter: asData ?? asCode('migration', sequence, index, 'filter') }
  }
  const direction = (sequence, index, name, seen) => {
    const fn = sequence.sequence[index][name]
    if (typeof fn !== 'function') return null
    const steps = asSteps((record) => sequence.sequence[index][name](record))
    seen[name] = !steps ? 'code' : steps.length ? 'steps' : 'nothing'
    return steps ?? asCode('migration', sequence, index, name)
  }
  const one = (sequence, index) => {
    const { id, scope, dependsOn, up } = sequence.sequence[index]
    const seen = { id, scope }
    found.push(seen)
    if (typeof up !== 'function') throw new Failure(`The migration ${id} has no function \`up\`.`)
    const made = { id, scope, ...(dependsOn?.length && { dependsOn: [...dependsOn] }) }
    if (scope === 'record') {
      Object.assign(made, filter(sequence, index, seen), {
        up: direction(sequence, index, 'up', seen),
      })
      const down = direction(sequence, index, 'down', seen)
      return { ...made, ...(down && { down }) }
    }
    if (scope !== 'store' && scope !== 'storage')
      throw new Failure(`The migration ${id} has an unknown scope: ${scope}.`)
    if (doesNothing(up)) {
      seen.up = 'nothing'
      return { ...made, up: [] }
    }
    seen.up = 'code'
    return {
      ...made,
      up: asCode(scope === 'storage' ? 'storageMigration' : 'migration', sequence, index, 'up'),
    }
  }

  const sequences = Object.values(schema.migrations).map((sequence) => ({
    sequenceId: sequence.sequenceId,
    retroactive: sequence.retroactive,
    migrations: sequence.sequence.map((_migration, index) => one(sequence, index)),
  }))
  return { sequences, order: schema.sortedMigrations.map(({ id }) => id), code, found }
}

/* Whether a function touches what it is given not at all. */
function doesNothing(up) {
  const refuse = () => {
    throw new Error('it does')
  }
  const traps = Object.fromEntries(
    Object.getOwnPropertyNames(Reflect).map((name) => [name, refuse]),
  )
  try {
    return !up(new Proxy({}, traps))
  } catch {
    return false
  }
}
