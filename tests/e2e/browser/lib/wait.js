/* Waiting for a condition that no single page can see. */
import { setTimeout as pause } from 'node:timers/promises'

const PATIENCE_MS = 60000
const PAUSE_MS = 50

/* Reads every tab with `read` until all gave the same text and `accept` takes it. A reading of null
 * means: not yet. */
export async function agree(tabs, read, accept = () => true) {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const texts = await Promise.all(tabs.map((tab) => tab.evaluate(read)))
    if (texts[0] !== null && texts.every((text) => text === texts[0]) && accept(texts[0])) {
      return texts[0]
    }
    if (Date.now() > deadline) {
      throw new Error(`the tabs do not agree:\n${texts.join('\n')}`)
    }
    await pause(PAUSE_MS)
  }
}
