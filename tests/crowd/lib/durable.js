/* What Redis made durable, read from its append-only file: every log entry that was ever written, in
 * order, also those that a snapshot has replaced since. A rewrite of the file deletes the old one, so a
 * second link to each keeps it. Where there are several servers, all that any of them has counts: what
 * two of them have as the same entry is one. */
import { closeSync, existsSync, fstatSync, linkSync, mkdirSync, openSync, readSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { decode } from '../../e2e/lib/wire.js'

const CR = 13
const KEY = /^roomd:\{(.*)\}:(log|snapshot)$/

/* The number behind `*` or `$` at `at`, and where the next line begins; null if it is not all there. */
function header(bytes, at) {
  let number = 0
  for (let i = at + 1; i < bytes.length; i++) {
    if (bytes[i] === CR) {
      return i + 2 <= bytes.length ? { number, next: i + 2 } : null
    }
    number = number * 10 + bytes[i] - 48
  }
  return null
}

/* One command at `at`: its words, which are parts of `bytes`, and where the next one begins. */
function command(bytes, at) {
  const count = header(bytes, at)
  if (!count) {
    return null
  }
  const words = []
  let next = count.next
  for (let i = 0; i < count.number; i++) {
    const length = next < bytes.length ? header(bytes, next) : null
    if (!length || length.next + length.number + 2 > bytes.length) {
      return null
    }
    words.push(bytes.subarray(length.next, length.next + length.number))
    next = length.next + length.number + 2
  }
  return { words, next }
}

/* XADD key EPOCH-NUMBER field value ... */
function entryOf(words) {
  const entry = { id: words[2].toString() }
  for (let i = 3; i + 1 < words.length; i += 2) {
    const name = words[i].toString()
    entry[name] = name === 'diff' ? decode(words[i + 1]) : words[i + 1].toString()
  }
  entry.clock = Number(entry.clock)
  entry.seq = Number(entry.seq)
  return entry
}

export class Durable {
  #folders // {of: a server's folder of append-only files, links: ours}
  #read = new Map() // path to how far it was read
  #known = new Map() // "room entry" to what the entry is

  /* `folders` of append-only files, `links` a folder on the same file system. */
  constructor(folders, links) {
    this.#folders = folders.map((of, i) => ({ of, links: join(links, `${i}`) }))
    this.#folders.forEach((folder) => mkdirSync(folder.links, { recursive: true }))
  }

  /* To be called now and then: keeps what a rewrite would delete. */
  keep() {
    for (const { of, links } of this.#folders) {
      for (const name of existsSync(of) ? readdirSync(of) : []) {
        if (name.endsWith('.incr.aof') && !existsSync(join(links, name))) {
          linkSync(join(of, name), join(links, name))
        }
      }
    }
  }

  /* What was written since the last call, by room: arrays of {id, clock, session, seq, by, outcome, diff}
   * and of {snapshot: clock}. Only while nobody writes: the end of the file is then a whole command. */
  news() {
    this.keep()
    const rooms = new Map()
    const number = (name) => Number(/\.(\d+)\.incr/.exec(name)[1])
    for (const { links } of this.#folders) {
      for (const name of readdirSync(links).sort((a, b) => number(a) - number(b))) {
        this.#readOn(join(links, name), rooms)
      }
    }
    return rooms
  }

  #readOn(path, rooms) {
    const from = this.#read.get(path) ?? 0
    const file = openSync(path, 'r')
    const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - from))
    readSync(file, bytes, 0, bytes.length, from)
    closeSync(file)
    let at = 0
    for (let got; at < bytes.length && (got = command(bytes, at)); at = got.next) {
      this.#take(got.words, rooms)
    }
    this.#read.set(path, from + at)
  }

  #take(words, rooms) {
    const verb = words[0].toString().toUpperCase()
    if (verb !== 'XADD' && verb !== 'SET') {
      return
    }
    const [, room, kind] = KEY.exec(words[1].toString()) ?? []
    if (!room) {
      return
    }
    const list = rooms.get(room) ?? []
    rooms.set(room, list)
    if (verb === 'XADD') {
      this.#takeEntry(room, entryOf(words), list)
    } else if (kind === 'snapshot') {
      list.push({ snapshot: decode(words[2])[2] })
    }
  }

  #takeEntry(room, entry, list) {
    const name = `${room} ${entry.id}`
    const { clock, session, seq, by } = entry
    const what = `${clock} ${session} ${seq} ${by}`
    if (this.#known.get(name) !== what) {
      this.#known.set(name, what)
      list.push(entry)
    }
  }
}
