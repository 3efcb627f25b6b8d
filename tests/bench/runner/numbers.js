/* Figures of several runs, and how people read them. */

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/* Three digits: 0.472, 4.72, 47.2, 472. */
export function short(number) {
  if (!Number.isFinite(number)) {
    return '-'
  }
  const size = Math.abs(number)
  return size >= 100 ? number.toFixed(0) : size >= 10 ? number.toFixed(1) : size >= 1 ? number.toFixed(2) : number.toFixed(3)
}

/* The median, and behind it how far the runs lie apart: "4.72 ±0.10". */
export function spread(numbers, suffix = '') {
  const known = numbers.filter(Number.isFinite)
  if (known.length === 0) {
    return '-'
  }
  const half = (Math.max(...known) - Math.min(...known)) / 2
  return `${short(median(known))}${suffix}${known.length > 1 ? ` ±${short(half)}` : ''}`
}

export function table(head, rows) {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => String(row[i] ?? '').length)))
  const lines = all.map((row) =>
    widths
      .map((width, i) => (i === 0 ? String(row[i] ?? '').padEnd(width) : String(row[i] ?? '').padStart(width)))
      .join('  ')
      .trimEnd(),
  )
  return [lines[0], widths.map((width) => '-'.repeat(width)).join('  '), ...lines.slice(1)].join('\n')
}

/* A point of a plot: x, median, lowest, highest. */
export function point(x, numbers) {
  return [x, median(numbers), Math.min(...numbers), Math.max(...numbers)]
}

/* Results of runs by row and server, and the names of both in the order of `names`. */
export function sorted(results, names) {
  const servers = names.filter((name) => results.some(({ server }) => server === name))
  const rows = [...new Set(results.map(({ row }) => row))]
  const of = (row, server) => results.filter((one) => one.row === row && one.server === server).map((one) => one.figures)
  return { servers, rows, of }
}

/* Bars of one figure: a group for each row, a bar for each server. */
export function bars(results, names, pick, plot) {
  const { servers, rows, of } = sorted(results, names)
  const series = servers.map((server) => ({
    name: server,
    points: rows.flatMap((row, i) => {
      const numbers = of(row, server).map(pick).filter(Number.isFinite)
      return numbers.length ? [point(i, numbers)] : []
    }),
  }))
  return { kind: 'bars', labels: rows, series: series.filter(({ points }) => points.length), ...plot }
}
