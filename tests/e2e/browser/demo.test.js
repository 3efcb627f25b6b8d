/* The demo page: two tabs on one board. */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { Browser, screenshot } from './lib/browser.js'
import { Roomd } from '../lib/roomd.js'
import { agree } from './lib/wait.js'

let roomd
let browser
let window

before(async () => {
  roomd = await Roomd.start()
  browser = await Browser.launch()
})

after(async () => {
  await browser?.close()
  await roomd?.finish()
})

afterEach(async () => {
  await window?.close()
  window = null
  browser.assertNoProblems()
})

async function openTab(room) {
  window ??= await browser.window()
  const tab = await window.newPage()
  await tab.goto(`${roomd.http}/?room=${room}`)
  await isOnline(tab)
  return tab
}

const isOnline = (tab) => tab.waitForFunction(() => globalThis.demo?.status().state === 'online')
const isSaved = (tab) =>
  tab.waitForFunction(() => demo.status().state === 'online' && demo.status().saved)
const notesOf = (tab) => tab.evaluate(() => demo.notes())

/* Waits until the tab shows exactly these texts, on its page and not only in its records. */
async function showsTexts(tab, texts) {
  await tab.waitForFunction(
    (wanted) => {
      const shown = [...document.querySelectorAll('.note textarea')].map((area) => area.value)
      return JSON.stringify(shown.sort()) === JSON.stringify(wanted)
    },
    [...texts].sort(),
  )
}

/* Runs in the page: its notes as text; null while something of the tab is not saved. */
const NOTES = `globalThis.demo?.status().state === 'online' && demo.status().saved
  ? JSON.stringify(demo.notes().sort((a, b) => (a.id < b.id ? -1 : 1)))
  : null`

const showSame = (...tabs) => agree(tabs, NOTES)

/* The middle of the note with this text, in the window. */
function middleOf(tab, text) {
  return tab.evaluate((wanted) => {
    const area = [...document.querySelectorAll('.note textarea')].find(
      (one) => one.value === wanted,
    )
    const box = area.closest('.note').getBoundingClientRect()
    return { x: box.x + box.width / 2, y: box.y + box.height * 0.7 }
  }, text)
}

async function addNote(tab, x, y, text) {
  const before = await tab.locator('.note').count()
  await tab.mouse.dblclick(x, y)
  await tab.waitForFunction((n) => document.querySelectorAll('.note').length === n + 1, before)
  await tab.keyboard.type(text)
  await tab.keyboard.press('Escape')
}

async function drag(tab, from, to) {
  await tab.mouse.move(from.x, from.y)
  await tab.mouse.down()
  await tab.mouse.move(to.x, to.y, { steps: 8 })
  await tab.mouse.up()
}

test('a note is added, typed, moved, coloured and deleted, and the other tab sees it', async () => {
  const [ada, grace] = [await openTab('demo-notes'), await openTab('demo-notes')]

  await ada.mouse.dblclick(400, 300)
  await ada.keyboard.type('Hel')
  await showsTexts(grace, ['Hel'])
  await ada.keyboard.type('lo')
  await showsTexts(grace, ['Hello'])
  await ada.keyboard.press('Escape')

  const [before] = await notesOf(grace)
  const from = await middleOf(grace, 'Hello')
  await drag(grace, from, { x: from.x + 180, y: from.y + 90 })
  await ada.waitForFunction((x) => demo.notes()[0].x === x, before.x + 180)
  assert.equal((await notesOf(ada))[0].y, before.y + 90)

  const there = await middleOf(grace, 'Hello')
  await grace.mouse.click(there.x, there.y)
  await grace.keyboard.type(' Ada')
  await showsTexts(ada, ['Hello Ada'])
  await grace.click('.note .swatch[data-color=sky]')
  await ada.waitForSelector('.note[data-color=sky]')

  await ada.click('#add')
  await ada.keyboard.type('second')
  await showsTexts(grace, ['Hello Ada', 'second'])
  await ada.click('.note.selected .drop')
  await showsTexts(grace, ['Hello Ada'])
  await showSame(ada, grace)
})

test('cursors and names of the others are shown, and go when they leave', async () => {
  const [ada, grace] = [await openTab('demo-cursors'), await openTab('demo-cursors')]
  await grace.fill('#me', 'Grace')
  await grace.mouse.move(640, 420)
  await grace.mouse.move(660, 440, { steps: 3 })
  await ada.waitForFunction(() => demo.people()[0]?.name === 'Grace' && demo.people()[0].x !== null)
  const cursor = ada.locator('.cursor span', { hasText: 'Grace' })
  await cursor.waitFor({ state: 'visible' })

  await ada.waitForFunction(() => {
    const person = demo.people()[0]
    const at = demo.toScreen(person.x, person.y)
    return Math.abs(at.x - 660) <= 1 && Math.abs(at.y - 440) <= 1
  })
  assert.match(await ada.locator('#status').innerText(), /2 people/)

  await grace.close()
  await ada.waitForFunction(() => demo.people().length === 0)
  await cursor.waitFor({ state: 'detached' })
})

test('two tabs that pull at the same note end up with the same note', async () => {
  const [ada, grace] = [await openTab('demo-tug'), await openTab('demo-tug')]
  await addNote(ada, 500, 350, 'mine')
  await showsTexts(grace, ['mine'])
  const [a, b] = [await middleOf(ada, 'mine'), await middleOf(grace, 'mine')]
  await Promise.all([
    drag(ada, a, { x: a.x - 200, y: a.y }),
    drag(grace, b, { x: b.x + 200, y: b.y + 60 }),
  ])
  await showSame(ada, grace)
})

for (const [how, end] of [
  ['a graceful restart', (server) => server.stop()],
  ['kill -9', (server) => server.kill()],
]) {
  test(`a board survives ${how}, and so does what is done meanwhile`, async () => {
    const room = `demo-${how.replaceAll(' ', '-')}`
    const [ada, grace] = [await openTab(room), await openTab(room)]
    await addNote(ada, 350, 250, 'before')
    await addNote(ada, 700, 250, 'gone soon')
    await isSaved(ada)
    await showsTexts(grace, ['before', 'gone soon'])

    await end(roomd)
    await ada.waitForFunction(() => demo.status().state === 'reconnecting')
    await addNote(ada, 350, 520, 'meanwhile')
    const { x, y } = await middleOf(ada, 'gone soon')
    await ada.mouse.click(x, y)
    await ada.click('.note.selected .drop')
    await ada.waitForFunction(() => !demo.status().saved)
    await roomd.start()

    await Promise.all([isSaved(ada), isOnline(grace)])
    await showsTexts(grace, ['before', 'meanwhile'])
    await ada.waitForFunction(() => demo.people().length === 1)
    await showSame(ada, grace)

    const late = await openTab(room)
    await showsTexts(late, ['before', 'meanwhile'])
  })
}

test('a reload keeps the session, a duplicated tab gets one of its own', async () => {
  const tab = await openTab('demo-session')
  const session = await tab.evaluate(() => demo.self.session)
  await tab.reload()
  await isOnline(tab)
  assert.equal(await tab.evaluate(() => demo.self.session), session)

  const [copy] = await Promise.all([
    window.waitForEvent('page'),
    tab.evaluate(() => void open(location.href)), // starts with a copy of our session storage
  ])
  await isOnline(copy)
  assert.notEqual(await copy.evaluate(() => demo.self.session), session)
  await tab.waitForFunction(() => globalThis.demo?.people().length === 1)
})

test('a client of another schema is refused, told why, and gives up', async () => {
  const tab = await openTab('demo-refused')
  await tab.mouse.dblclick(400, 300)
  await isSaved(tab)
  const other = await window.newPage()
  await other.route('**/demo.js', async (route) => {
    const response = await route.fetch()
    const body = (await response.text()).replace(
      "'com.roomd.demo.note': 1",
      "'com.roomd.demo.note': 2",
    )
    await route.fulfill({ response, body })
  })
  await other.goto(`${roomd.http}/?room=demo-refused`)
  await other.waitForFunction(() => globalThis.demo?.status().state === 'refused')
  const { reason } = await other.evaluate(() => demo.status())
  assert.match(reason, /^(CLIENT|SERVER)_TOO_OLD$/)
  await other.locator('#refused').waitFor({ state: 'visible' })
  assert.ok((await other.locator('#reason').innerText()).includes(reason))
})

test('a finger adds a note by a double tap and drags it', async () => {
  window = await browser.window({
    viewport: { width: 390, height: 780 },
    hasTouch: true,
    isMobile: true,
  })
  const phone = await openTab('demo-phone')
  await phone.touchscreen.tap(180, 400)
  await phone.touchscreen.tap(180, 400)
  await phone.locator('.note.editing').waitFor()
  await phone.keyboard.type('from a phone')
  await phone.keyboard.press('Escape')
  await isSaved(phone)

  const [{ x, y }] = await notesOf(phone)
  const touches = await window.newCDPSession(phone)
  const at = (dx, dy) => [{ x: 180 + dx, y: 440 + dy }]
  await touches.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: at(0, 0) })
  for (const step of [10, 25, 40]) {
    await touches.send('Input.dispatchTouchEvent', {
      type: 'touchMove',
      touchPoints: at(step, -step),
    })
  }
  await touches.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
  await phone.waitForFunction(
    ([nx, ny]) => demo.notes()[0].x === nx && demo.notes()[0].y === ny,
    [x + 40, y - 40],
  )
})

test('a board at work, for the eye', async () => {
  const [ada, grace] = [await openTab('launch-plan'), await openTab('launch-plan')]
  const dark = await browser.window({ colorScheme: 'dark' })
  const linus = await dark.newPage()
  await linus.goto(`${roomd.http}/?room=launch-plan`)
  await isOnline(linus)
  const plan = [
    ['lemon', 330, 290, 'Ship the demo on Thursday'],
    ['sky', 580, 255, 'Ask Mira about the load test numbers'],
    [
      'rose',
      825,
      305,
      'Rename the old rooms before we move them over. Nobody remembers which ones are still ' +
        'in use, so ask in the channel first and wait a day.',
    ],
    ['mint', 1075, 270, 'Lunch?'],
    ['lilac', 450, 525, 'Retro: nobody noticed the restart'],
    ['peach', 720, 550, 'Docs: the first page must be two commands'],
    ['lemon', 975, 530, 'Buy more sticky notes'],
  ]
  for (const [color, x, y, text] of plan) {
    await ada.click(`#colors [data-color=${color}]`)
    await addNote(ada, x, y, text)
  }
  await ada.mouse.click(640, 690)
  const texts = plan.map(([, , , text]) => text)
  await showsTexts(grace, texts)
  await showsTexts(linus, texts)
  for (const [tab, name] of [
    [ada, 'Ada'],
    [grace, 'Grace'],
    [linus, 'Linus'],
  ]) {
    await tab.fill('#me', name)
    await tab.keyboard.press('Enter')
  }
  await linus.mouse.move(1000, 330)
  await linus.mouse.move(960, 320, { steps: 3 })
  const docs = await middleOf(grace, texts[5])
  await grace.mouse.move(docs.x, docs.y)
  await grace.mouse.down()
  await grace.mouse.move(docs.x + 24, docs.y + 12, { steps: 6 })
  const mira = await middleOf(ada, texts[1])
  await ada.mouse.click(mira.x, mira.y)
  await isSaved(ada)
  for (const tab of [ada, grace, linus]) {
    await tab.waitForFunction(() => document.querySelectorAll('.cursor:not([hidden])').length === 2)
    await tab.waitForFunction(() => document.getAnimations().length === 0)
  }
  await ada.locator('.note.held').waitFor()
  await linus.waitForFunction(() => document.querySelectorAll('.note.held').length === 2)
  await screenshot(ada, 'demo-light')
  await screenshot(linus, 'demo-dark')
  await dark.close()
})
