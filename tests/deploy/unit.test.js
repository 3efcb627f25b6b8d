/* roomd under what its systemd unit forbids, and what it tells systemd. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, test } from 'node:test'
import { Client, putNote } from '../e2e/lib/client.js'
import { childrenOf, kill, startProcess } from '../e2e/lib/processes.js'
import { BINARY, removeFolder, temporaryFolder } from '../e2e/lib/roomd.js'
import { soon, until } from '../e2e/lib/wait.js'
import { DEPLOY, run } from './lib/files.js'

const AS_UNIT = fileURLToPath(new URL('as_unit.py', import.meta.url))
const UNIT = join(DEPLOY, 'systemd/roomd.service')

class Unit {
  stdout = ''
  stderr = ''
  #child

  constructor(args) {
    /* ROOMD_* of the tests are no options of roomd. */
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ROOMD_')))
    this.#child = startProcess(AS_UNIT, [UNIT, BINARY, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env })
    this.#child.stdout.on('data', (bytes) => (this.stdout += bytes))
    this.#child.stderr.on('data', (bytes) => (this.stderr += bytes))
    this.ended = new Promise((resolve) => this.#child.once('close', resolve))
  }

  /* What systemd was told, in order. */
  get told() {
    const lines = this.stdout.split('\n').filter((line) => line.startsWith('{'))
    return lines.map((line) => JSON.parse(line))
  }

  async hears(what, accept) {
    return until(what, () => {
      assert.equal(
        this.told.find(({ status }) => status !== undefined),
        undefined,
        this.stderr,
      )
      return this.told.find(accept)
    })
  }

  signal(name) {
    this.#child.kill(name)
  }

  /* The pid of roomd itself, a child of the one that listens. */
  get supervisor() {
    return Number(readFileSync(`/proc/${this.#child.pid}/task/${this.#child.pid}/children`, 'utf8').trim())
  }
}

describe('the systemd unit', { concurrency: true }, () => {
  test('forbids what roomd never does', async () => {
    const { output } = await run(AS_UNIT, [UNIT, '/usr/bin/python3', '-c', 'import os; os.chroot("/")'])
    assert.match(output, /"status": -31/, 'SIGSYS')
  })

  test('lets roomd start, serve, replace what dies, reload and stop, and hears of it', async () => {
    const data = await temporaryFolder()
    const args = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--workers', '1', '--data', data]
    const unit = new Unit([...args, '--schema', join(DEPLOY, 'schema/tldraw.schema')])
    try {
      await unit.hears('READY', ({ READY, STATUS }) => READY === '1' && STATUS === 'serving')
      const [, address] = /^roomd ready on http:\/\/(\S+)$/m.exec(unit.stdout)
      const serves = async () => {
        const client = await Client.open({ ws: `ws://${address}` }, 'r')
        client.send({ type: 'ping' })
        await client.leave()
        return true
      }
      await until('a client served', serves)

      kill(childrenOf(unit.supervisor).find(([name]) => name === 'worker-1')[1])
      await until('that the worker is missed', () => /process died; starting it again/.test(unit.stderr))
      await until('a client served', serves)
      await unit.hears('a sign of life', ({ WATCHDOG }) => WATCHDOG === '1')

      unit.signal('SIGHUP')
      const reloading = await unit.hears('RELOADING', ({ RELOADING }) => RELOADING === '1')
      assert.match(reloading.MONOTONIC_USEC, /^\d+$/)
      await until('READY again', () => unit.told.filter(({ READY }) => READY === '1').length === 2)

      unit.signal('SIGTERM')
      await soon('the end', unit.ended)
      const stopping = unit.told.find(({ STOPPING }) => STOPPING === '1')
      assert.equal(stopping.EXTEND_TIMEOUT_USEC, '25000000')
      assert.equal(unit.told.at(-1).status, 0, unit.stderr)
      assert.doesNotMatch(unit.stderr, /SIGSYS|Bad system call|Operation not permitted/i)
    } finally {
      unit.signal('SIGKILL')
      await removeFolder(data)
    }
  })
})
