/* What the command lines of those who let a crowd draw have in common. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

export class UsageError extends Error {}

/* The words of a command line, "--name=value" being two. */
export function wordsOf(args) {
  return args.flatMap((arg) => {
    const [, name, value] = /^(--[^=]+)=(.*)$/.exec(arg) ?? []
    return name ? [name, value] : [arg]
  })
}

/* A folder that is emptied, so it must look like one of ours, or not be there. */
export function folderOf(text = '') {
  const folder = resolve(text)
  if (text === '' || (existsSync(folder) && !existsSync(join(folder, 'report.json')))) {
    throw new UsageError(`--artefacts wants a new folder, or one of an earlier run, not "${text}"`)
  }
  return folder
}
