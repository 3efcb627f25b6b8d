/* Chromium for the tests: pages that may reach this machine only, and that report what went
 * wrong. */
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const ARTEFACTS =
  process.env.ARTEFACTS ?? fileURLToPath(new URL('../../../artefacts', import.meta.url))
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
]

export class Browser {
  #chromium = null
  #problems = new Set() // exceptions, refused scripts and styles, requests to other machines

  static async launch() {
    const browser = new Browser()
    browser.#chromium = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: FLAGS,
    })
    return browser
  }

  /* A window: its tabs share storage, other windows do not. */
  async window(options = {}) {
    const context = await this.#chromium.newContext({
      viewport: { width: 1280, height: 800 },
      ...options,
    })
    context.setDefaultTimeout(30000)
    context.on('page', (page) => this.#watch(page))
    return context
  }

  #watch(page) {
    page.on('pageerror', (error) => this.#problems.add(`exception: ${error.stack}`))
    page.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url())
      if (/^(http|ws)s?:$/.test(protocol) && !['127.0.0.1', 'localhost'].includes(hostname)) {
        this.#problems.add(`request to ${request.url()}`)
      }
    })
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) {
        this.#problems.add(message.text())
      }
    })
  }

  /* Nothing went wrong on any page since the last call. */
  assertNoProblems() {
    const problems = [...this.#problems]
    this.#problems.clear()
    assert.equal(problems.join('\n'), '')
  }

  async close() {
    await this.#chromium.close()
  }
}

export async function screenshot(page, name) {
  await mkdir(ARTEFACTS, { recursive: true })
  await page.screenshot({ path: join(ARTEFACTS, `${name}.png`) })
}
