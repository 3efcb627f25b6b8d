/* The files of deploy/, and what they say. */
import { execFile } from 'node:child_process'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
export const DEPLOY = join(ROOT, 'deploy')

export const read = (name) => readFileSync(join(DEPLOY, name), 'utf8')
/* YAML 1.1, as those who read these files do: with merge keys, and 0440 is octal. */
export const readYaml = (name) => parse(read(name), { version: '1.1', merge: true })
export const manifests = () =>
  readdirSync(join(DEPLOY, 'kubernetes'))
    .filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml')
    .map((name) => ({ name, object: readYaml(`kubernetes/${name}`) }))

/* NAME=VALUE lines; `commented`: those behind a # too. */
export function readEnv(name, commented = false) {
  const line = commented ? /^#?([A-Z_]+)=(.*)$/ : /^([A-Z_]+)=(.*)$/
  const found = read(name)
    .split('\n')
    .map((text) => line.exec(text))
  return Object.fromEntries(found.filter(Boolean).map(([, key, value]) => [key, value]))
}

/* ${NAME:-default} as Compose puts it in. */
export function interpolate(value, env = {}) {
  return typeof value === 'string'
    ? value.replace(/\$\{(\w+):-([^}]*)\}/g, (_, name, fallback) => env[name] || fallback)
    : value
}

/* Of every ${NAME:-default} in a text: [name, default]. */
export const defaultsIn = (text) => [...text.matchAll(/\$\{(\w+):-([^}]*)\}/g)].map(([, ...pair]) => pair)

/* "5", "40s", "10min" in seconds. */
export function seconds(text) {
  const [, number, unit] = /^(\d+)(s|min)?$/.exec(String(text))
  return Number(number) * (unit === 'min' ? 60 : 1)
}

export function filesBelow(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    return name === 'node_modules' || name === 'dist'
      ? []
      : statSync(path).isDirectory()
        ? filesBelow(path)
        : [path]
  })
}

/* Runs a program: {code, output}. */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    execFile(program, args.map(String), { cwd: ROOT, ...options }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') {
        reject(error)
      } else {
        resolve({ code: error?.code ?? 0, output: stdout + stderr })
      }
    })
  })
}
