/* roomctl, run as an operator runs it. */
import { dirname, join } from 'node:path'
import { startProcess } from './processes.js'
import { BINARY } from './roomd.js'
import { soon } from './wait.js'

export const PROGRAM = join(dirname(BINARY), '../roomctl/roomctl')
const ENV = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ROOMD_')))

/* Runs it to its end: {code, stdout, stderr}. `env` are more variables, `input` is what it may read. */
export function run(args, env = {}, input) {
  const stdin = input === undefined ? 'ignore' : 'pipe'
  const child = startProcess(PROGRAM, args, { env: { ...ENV, ...env }, stdio: [stdin, 'pipe', 'pipe'] })
  child.stdin?.on('error', () => {}) // it need not read all
  child.stdin?.end(input)
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (bytes) => (output.stdout += bytes))
  child.stderr.on('data', (bytes) => (output.stderr += bytes))
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code: code ?? signal, ...output }))
  })
  return soon(`the end of roomctl ${args.join(' ')}`, ended)
}

/* The same for a node. */
export function ctl(roomd, ...args) {
  return run(args, { ROOMD_ADMIN: roomd.admin })
}

/* The same with something to read. */
export function ctlWith(roomd, input, ...args) {
  return run(args, { ROOMD_ADMIN: roomd.admin }, input)
}

/* What it prints with --json; fails if it does. */
export async function ctlJson(roomd, ...args) {
  const { code, stdout, stderr } = await ctl(roomd, ...args, '--json')
  if (code !== 0 || stderr) {
    throw new Error(`roomctl ${args.join(' ')} exited with ${code}: ${stderr}`)
  }
  return JSON.parse(stdout)
}
