/* Plots as SVG, by gnuplot. */
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/* The same server has the same colour everywhere; those that are not named get a grey. */
const COLOURS = {
  floor: '#9aa5b1',
  roomd: '#1f6feb',
  'roomd msgpack': '#0b3d91',
  'roomd none': '#79b8ff',
  original: '#e36209',
  'original WAL': '#a04000',
}

const quoted = (text) => `"${text.replace(/["\\]/g, '\\$&')}"`

/* `series`: [{name, points: [[x, median, lowest, highest]]}], x a label of `labels` for bars. */
function scriptOf({ kind, title, x = '', y, log = '', labels = [], series }) {
  const data = series.map(({ points }, i) => `$d${i} << EOD\n${points.map((point) => point.join(' ')).join('\n')}\nEOD`)
  const colour = ({ name }) => `rgb "${COLOURS[name] ?? '#57606a'}"`
  const width = 0.8 / series.length
  const bars = series.map(
    (one, i) =>
      `$d${i} using ($1+${(i - (series.length - 1) / 2) * width}):2:(${width * 0.92}) with boxes lc ${colour(one)} title ${quoted(one.name)}, ` +
      `$d${i} using ($1+${(i - (series.length - 1) / 2) * width}):2:3:4 with yerrorbars pt 0 lc rgb "#333333" notitle`,
  )
  const lines = series.map((one, i) => `$d${i} using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.5 lc ${colour(one)} title ${quoted(one.name)}`)
  const ticks = labels.map((label, i) => `${quoted(label)} ${i}`).join(', ')
  return [
    ...data,
    `set title ${quoted(title)} font ",15"`,
    `set ylabel ${quoted(y)}; set xlabel ${quoted(x)}`,
    `set key outside bottom center horizontal samplen 1.5; set pointintervalbox 0; set errorbars small; set grid ytics lc rgb "#dddddd"; set border 3; set tics nomirror`,
    log && `set logscale ${log}`,
    kind === 'bars' ? `set style fill solid noborder; set xtics (${ticks}) rotate by -12; set xrange [-0.6:${labels.length - 0.4}]` : '',
    log.includes('y') ? '' : 'set yrange [0:*]',
    `plot ${(kind === 'bars' ? bars : lines).join(', ')}`,
    '',
  ].join('\n')
}

/* Writes `plot.file` into the folder. */
export async function drawPlot(plot, folder) {
  const gnuplot = spawn('gnuplot', [], { stdio: ['pipe', 'pipe', 'inherit'] })
  const head = 'set terminal svg size 900,480 dynamic background rgb "white" font "sans-serif,13"\n'
  let svg = ''
  gnuplot.stdout.on('data', (text) => (svg += text))
  gnuplot.stdin.end(head + scriptOf(plot))
  await new Promise((resolve, reject) => gnuplot.once('error', reject).once('close', resolve))
  await writeFile(join(folder, plot.file), svg)
}
