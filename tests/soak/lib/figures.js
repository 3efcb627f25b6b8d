/* What a node says of itself, and what the kernel says of its processes. */
import { readFileSync } from 'node:fs'

const NAMES = { supervisor: (roomd) => roomd.pid }

export async function metrics(roomd) {
  const text = await (await roomd.get('/metrics')).text()
  return [...text.matchAll(/^(\w+)\{process="([^"]+)",.*\} (\S+)$/gm)].map(([, name, process, value]) => ({
    name,
    process,
    value: Number(value),
  }))
}

export function sumOf(samples, name) {
  return samples.filter((sample) => sample.name === name).reduce((sum, { value }) => sum + value, 0)
}

function rollup(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const bytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)[1]) * 1024
  return { rss: bytes('Rss'), pss: bytes('Pss') }
}

/* Map of process name to {rss, pss, heap} in bytes; Redis has no heap that we know of. */
export async function memory(roomd, names) {
  const heaps = (await metrics(roomd)).filter(({ name }) => name === 'roomd_heap_bytes')
  const children = roomd.children()
  const of = (name) => ({
    ...rollup(NAMES[name]?.(roomd) ?? children.get(name)),
    heap: heaps.find(({ process }) => process === name)?.value,
  })
  return new Map(names.map((name) => [name, of(name)]))
}
