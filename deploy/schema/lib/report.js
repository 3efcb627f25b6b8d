/* The report for people. */

function byScope(types) {
  const scopes = {}
  for (const [name, scope] of Object.entries(types)) (scopes[scope] ??= []).push(name)
  return Object.entries(scopes).map(([scope, names]) => `  ${scope}: ${names.join(', ')}`)
}

function side(migrations, name) {
  const of = (what) => migrations.filter((migration) => migration[name] === what)
  return `${of('steps').length} as steps, ${of('nothing').length} that do nothing, ${of('code').length} as code`
}

function codeOf(migrations) {
  return migrations
    .map(({ id, ...parts }) => [id, Object.keys(parts).filter((name) => parts[name] === 'code')])
    .filter(([, names]) => names.length)
    .map(([id, names]) => `  ${id}: ${names.join(', ')}`)
}

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`

export function asText({ source, packages, types, validators, migrations, inert, size }) {
  const filters = (what) => migrations.filter(({ filter }) => filter === what).length
  const lines = [
    `${source} (${
      Object.entries(packages)
        .map((pair) => pair.join(' '))
        .join(', ') || 'without tldraw packages'
    })`,
    'types',
    ...byScope(types),
    `validators: ${validators.data} as data, of them ${validators.prefixes} recognised as prefixes of ids; ${validators.code.length} as code`,
    ...validators.code.map(({ path, why }) => `  ${path}: ${why}`),
    `migrations: ${migrations.length}`,
    `  up: ${side(migrations, 'up')}`,
    `  down: ${side(migrations, 'down')}; ${migrations.filter(({ down }) => !down).length} have none`,
    `  filters: ${filters('data')} as data, ${filters('code')} as code`,
    'as code',
    ...codeOf(migrations),
  ]
  if (inert.length)
    lines.push('replaced by something that does nothing', ...inert.map((name) => `  ${name}`))
  lines.push(`size: ${kilobytes(size.file)}, of it code ${kilobytes(size.code)}`)
  return `${lines.join('\n')}\n`
}
