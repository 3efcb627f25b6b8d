/* The tldraw SDK, unmodified, against roomd with tldraw's schema: the built example in two tabs. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, afterEach, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Browser, screenshot } from './lib/browser.js'
import { Roomd } from '../lib/roomd.js'
import { serveFolder } from './lib/site.js'
import { agree } from './lib/wait.js'

const DEPLOY = fileURLToPath(new URL('../../../deploy', import.meta.url))
const EXAMPLE = `${DEPLOY}/examples/tldraw`

let site
let roomd
let browser
const windows = []

before(async () => {
  assert.ok(
    existsSync(`${EXAMPLE}/dist/index.html`),
    `build the example first: npm ci && npm run build in ${EXAMPLE}`,
  )
  site = await serveFolder(`${EXAMPLE}/dist`)
  roomd = await Roomd.start({ args: ['--schema', `${DEPLOY}/schema/tldraw.schema`] })
  browser = await Browser.launch()
})

after(async () => {
  await browser?.close()
  await roomd?.finish()
  site?.close()
})

afterEach(async () => {
  await Promise.all(windows.splice(0).map((window) => window.close()))
  browser.assertNoProblems()
})

/* A window each: two tabs of one window are one and the same user to tldraw. */
async function openTab(room) {
  const window = await browser.window()
  windows.push(window)
  const tab = await window.newPage()
  await tab.goto(`${site.address}?room=${room}&server=${encodeURIComponent(roomd.ws)}`)
  await tab.waitForFunction(() => globalThis.editor && globalThis.tlsync?.isConnectedToRoom)
  await tab.locator('.tl-canvas').waitFor()
  return tab
}

const isOnline = (tab) => tab.waitForFunction(() => tlsync.isConnectedToRoom)
const isOffline = (tab) => tab.waitForFunction(() => !tlsync.isConnectedToRoom)

/* Runs in the page: its shapes as text, in an order that does not depend on who made them how; null
 * while something of the tab is still on its way to the server. */
const SHAPES = `(() => {
  const { added, updated, removed } = tlsync.speculativeChanges
  if (!tlsync.isConnectedToRoom || Object.keys({ ...added, ...updated, ...removed }).length > 0) {
    return null
  }
  const ordered = (key, value) =>
    value?.constructor === Object
      ? Object.fromEntries(Object.keys(value).sort().map((name) => [name, value[name]]))
      : value
  const shapes = editor.getCurrentPageShapes().sort((a, b) => (a.id < b.id ? -1 : 1))
  return JSON.stringify(shapes, ordered)
})()`

const showSame = (tabs, count) => agree(tabs, SHAPES, (text) => JSON.parse(text).length === count)

async function draw(tab, tool, points) {
  await tab.evaluate((name) => void editor.setCurrentTool(name), tool)
  const [[x, y], ...rest] = points
  await tab.mouse.move(x, y)
  await tab.mouse.down()
  for (const [px, py] of rest) {
    await tab.mouse.move(px, py)
  }
  await tab.mouse.up()
  await tab.evaluate(() => void editor.setCurrentTool('select').selectNone())
}

function wave(left, top, width, height) {
  return Array.from({ length: 13 }, (_, i) => [
    left + (width * i) / 12,
    top + (height * (1 - Math.cos((i * Math.PI) / 3))) / 2,
  ])
}

test('two tabs draw to each other', async () => {
  const [ada, grace] = [await openTab('tldraw-draw'), await openTab('tldraw-draw')]
  await draw(ada, 'draw', wave(150, 180, 360, 90))
  await showSame([grace, ada], 1)
  await draw(grace, 'geo', [
    [620, 170],
    [740, 250],
    [860, 330],
  ])
  await draw(grace, 'arrow', [
    [520, 240],
    [610, 250],
  ])
  await showSame([ada, grace], 3)

  await ada.evaluate(() => void editor.setCurrentTool('note'))
  await ada.mouse.click(330, 470)
  await ada.locator('.tl-rich-text .ProseMirror:focus').waitFor() // the editor comes a moment later
  await ada.keyboard.type('typed by hand')
  await ada.keyboard.press('Escape')
  await ada.evaluate(() => void editor.selectNone())
  await showSame([grace, ada], 4)

  await grace.locator('.tl-canvas').getByText('typed by hand').first().waitFor()

  await grace.mouse.move(620, 250)
  await grace.mouse.down()
  await grace.mouse.move(690, 330, { steps: 8 })
  await grace.mouse.up()
  await showSame([ada, grace], 4)

  await grace.mouse.move(700, 520, { steps: 4 })
  await ada.waitForFunction(() => editor.getCollaboratorsOnCurrentPage().length === 1)
  await ada.locator('.tl-collaborator__cursor').first().waitFor({ state: 'attached' })
  await screenshot(ada, 'tldraw-two-tabs')

  await ada.evaluate(() => void editor.deleteShapes(editor.getCurrentPageShapes().slice(0, 1)))
  await showSame([grace, ada], 3)
})

test('an image is kept in the document', async () => {
  const [ada, grace] = [await openTab('tldraw-image'), await openTab('tldraw-image')]
  await ada.evaluate(async () => {
    const canvas = document.createElement('canvas')
    canvas.width = canvas.height = 200
    const paint = canvas.getContext('2d')
    paint.fillStyle = 'teal'
    paint.fillRect(0, 0, 200, 200)
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'))
    const files = [new File([blob], 'teal.png', { type: 'image/png' })]
    await editor.putExternalContent({ type: 'files', files, point: { x: 300, y: 300 } })
  })
  await showSame([grace, ada], 1)
  await grace.waitForFunction(() =>
    editor.getAssets()[0]?.props.src?.startsWith('data:image/png;base64,'),
  )
  await grace.locator('.tl-image').first().waitFor()
})

for (const [how, end] of [
  ['a graceful restart', (server) => server.stop()],
  ['kill -9', (server) => server.kill()],
]) {
  test(`a drawing survives ${how}, and so does what is drawn meanwhile`, async () => {
    const room = `tldraw-${how.replaceAll(' ', '-')}`
    const [ada, grace] = [await openTab(room), await openTab(room)]
    await draw(ada, 'draw', wave(150, 180, 360, 90))
    await draw(grace, 'geo', [
      [620, 170],
      [740, 250],
      [860, 330],
    ])
    await showSame([ada, grace], 2)

    await end(roomd)
    await Promise.all([isOffline(ada), isOffline(grace)])
    await draw(ada, 'draw', wave(200, 420, 420, 60))
    await roomd.start()
    await Promise.all([isOnline(ada), isOnline(grace)])
    await showSame([grace, ada], 3)

    await draw(grace, 'geo', [
      [700, 420],
      [820, 560],
    ])
    await showSame([ada, grace], 4)
    const late = await openTab(room)
    await showSame([ada, grace, late], 4)
    await screenshot(late, room)
  })
}
