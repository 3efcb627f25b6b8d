/* The demo of roomd: a board of sticky notes and live cursors on top of sync.js, without a library and
 * without a build step. */

import { RoomClient, randomId } from './sync.js'

const COLORS = ['lemon', 'peach', 'rose', 'lilac', 'sky', 'mint']
const HUES = [255, 25, 150, 320, 70, 195, 290, 110] // of people
const NOTE_WIDTH = 208 // as in demo.css
const NOTE_HEIGHT = 168
const ZOOM_MIN = 0.25
const ZOOM_MAX = 2.5
const CLICK_SLACK_PX = 4 // a press that moves less is a click
const DOUBLE_CLICK_MS = 350

const $ = (id) => document.getElementById(id)
const board = $('board')
const room = roomName()
const self = identity()

const client = new RoomClient({
  address:
    `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}` +
    `/connect/${encodeURIComponent(room)}?sessionId=${self.session}`,
  schema: { schemaVersion: 2, sequences: { 'com.roomd.demo.note': 1, 'com.roomd.demo.cursor': 1 } },
  documentTypes: ['note'],
})

/* ---- Who and where we are ---- */

function roomName() {
  const { hash, search } = location
  const query = new URLSearchParams(hash.length > 1 ? `room=${hash.slice(1)}` : search)
  return query.get('room') || 'demo'
}

/* Session, name and colour of this tab. They survive a reload, but a duplicated tab, which starts
 * with a copy of the storage, must become somebody else: so the storage is empty while the tab
 * runs. */
function identity() {
  const animals = 'Otter Heron Lynx Wren Fox Koala Panda Robin Seal Tapir Yak Ibis'.split(' ')
  const moods = 'Amber Brave Calm Dapper Eager Fleet Gentle Happy Jolly Keen Lucky Merry'.split(' ')
  const dice = crypto.getRandomValues(new Uint16Array(3))
  let known = null
  try {
    known = JSON.parse(sessionStorage.getItem('roomd'))
    sessionStorage.removeItem('roomd')
  } catch {
    // storage is switched off, or not ours
  }
  const me = known ?? {
    session: randomId(),
    name: `${moods[dice[0] % moods.length]} ${animals[dice[1] % animals.length]}`,
    hue: HUES[dice[2] % HUES.length],
  }
  addEventListener('pageshow', () => {
    try {
      sessionStorage.removeItem('roomd') // written by a page that went and came back
    } catch {
      // as above
    }
  })
  addEventListener('pagehide', () => {
    try {
      sessionStorage.setItem('roomd', JSON.stringify(me))
    } catch {
      // then a reload makes a new person
    }
  })
  return me
}

/* ---- Records as the board understands them ----
 * The server stores what it gets, so a record of another client may hold anything. */

function readNote(record) {
  return {
    id: record.id,
    x: number(record.x),
    y: number(record.y),
    z: number(record.z),
    color: COLORS.includes(record.color) ? record.color : COLORS[0],
    text: typeof record.text === 'string' ? record.text : '',
  }
}

function readPerson(record) {
  return {
    id: record.id,
    name: (typeof record.name === 'string' && record.name.trim().slice(0, 24)) || 'Somebody',
    hue: number(record.hue),
    x: number(record.x, null),
    y: number(record.y, null),
    note: typeof record.note === 'string' ? record.note : null,
  }
}

function number(value, otherwise = 0) {
  return Number.isFinite(value) && Math.abs(value) < 1e7 ? value : otherwise
}

const notes = () =>
  client
    .records()
    .filter((record) => record.typeName === 'note')
    .map(readNote)
const people = () =>
  client
    .records()
    .filter((record) => record.typeName !== 'note')
    .map(readPerson)

/* ---- What we show of ourselves ---- */

const shown = { x: null, y: null, note: null }

function show(changes) {
  Object.assign(shown, changes)
  client.present({
    id: 'cursor:self',
    typeName: 'cursor',
    name: self.name,
    hue: self.hue,
    ...shown,
  })
}

/* ---- Camera: screen = (board + offset) * zoom ---- */

const camera = { x: 0, y: 0, zoom: 1 }

function toBoard(x, y) {
  return { x: x / camera.zoom - camera.x, y: y / camera.zoom - camera.y }
}

function toScreen(x, y) {
  return { x: (x + camera.x) * camera.zoom, y: (y + camera.y) * camera.zoom }
}

function moveCamera(x, y, zoom = camera.zoom) {
  Object.assign(camera, { x, y, zoom })
  board.style.setProperty('--zoom', zoom)
  board.style.setProperty('--x', `${x * zoom}px`)
  board.style.setProperty('--y', `${y * zoom}px`)
  $('fit').textContent = `${Math.round(zoom * 100)}%`
}

/* Zooms so that the board's point under (x, y) of the screen stays there. */
function zoomAt(x, y, zoom) {
  const wanted = Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, zoom))
  const { x: bx, y: by } = toBoard(x, y)
  moveCamera(x / wanted - bx, y / wanted - by, wanted)
}

function showAll() {
  const all = notes()
  const { clientWidth: width, clientHeight: height } = board
  if (all.length === 0) {
    moveCamera(width / 2, height / 2, 1)
    return
  }
  const left = Math.min(...all.map((note) => note.x))
  const top = Math.min(...all.map((note) => note.y))
  const right = Math.max(...all.map((note) => note.x)) + NOTE_WIDTH
  const bottom = Math.max(...all.map((note) => note.y)) + NOTE_HEIGHT
  const fits = Math.min((width - 48) / (right - left), (height - 220) / (bottom - top), 1)
  const zoom = Math.max(ZOOM_MIN, fits)
  moveCamera(width / 2 / zoom - (left + right) / 2, height / 2 / zoom - (top + bottom) / 2, zoom)
}

/* ---- Notes ---- */

const cards = new Map() // id -> element; its `record` is what it shows
let selected = null

function addNote(centre, color = chosenColor(), text = '') {
  const note = {
    id: `note:${randomId()}`,
    typeName: 'note',
    x: Math.round(centre.x - NOTE_WIDTH / 2),
    y: Math.round(centre.y - NOTE_HEIGHT / 2),
    z: nextLevel(),
    color,
    text,
  }
  client.put(note)
  render()
  return note.id
}

function nextLevel() {
  return Math.max(0, ...notes().map((note) => note.z)) + 1
}

function select(id) {
  if (selected === id) {
    return
  }
  cards.get(selected)?.classList.remove('selected')
  selected = id
  cards.get(id)?.classList.add('selected')
}

function edit(id) {
  select(id)
  if (!client.readonly) {
    const area = cards.get(id).querySelector('textarea')
    area.focus({ preventScroll: true })
    area.setSelectionRange(area.value.length, area.value.length)
  }
}

function createCard(id) {
  const card = $('note').content.firstElementChild.cloneNode(true)
  const area = card.querySelector('textarea')
  const tools = card.querySelector('.tools')
  card.dataset.id = id
  card.style.setProperty('--tilt', `${tilt(id)}deg`)
  for (const color of [...COLORS].reverse()) {
    tools.prepend(swatch(color, () => client.update(id, { color })))
  }
  tools.querySelector('.drop').onclick = () => client.remove(id)
  area.oninput = () => client.update(id, { text: area.value })
  area.onfocus = () => {
    card.classList.add('editing')
    select(id)
    reveal(card)
    show({ note: id })
  }
  area.onblur = () => {
    card.classList.remove('editing')
    show({ note: null })
  }
  area.onkeydown = (event) => {
    if (event.key === 'Escape') {
      area.blur()
    }
  }
  $('notes').append(card)
  cards.set(id, card)
  return card
}

/* Nobody sticks a note on straight. The same for everyone, so it comes from the id. */
function tilt(id) {
  const hash = [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9973, 7)
  return ((hash % 31) - 15) / 10
}

function swatch(color, choose) {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'swatch'
  button.dataset.color = color
  button.title = color
  button.setAttribute('aria-label', color)
  button.onclick = choose
  return button
}

function renderNote(record) {
  const card = cards.get(record.id) ?? createCard(record.id)
  if (card.record === record) {
    return
  }
  const note = readNote(record)
  card.record = record
  card.style.setProperty('--left', `${note.x}px`)
  card.style.setProperty('--top', `${note.y}px`)
  card.style.zIndex = Math.round(note.z)
  card.dataset.color = note.color
  const area = card.querySelector('textarea')
  area.readOnly = client.readonly
  if (area.value !== note.text) {
    replaceText(area, note.text)
  }
  card.classList.toggle('long', note.text.length > 70)
  area.style.height = '0'
  area.style.height = `${area.scrollHeight}px`
}

/* Takes over what another has typed, and keeps our caret by the letters it stood at. */
function replaceText(area, text) {
  const { value: old, selectionStart: start, selectionEnd: end } = area
  const shorter = Math.min(old.length, text.length)
  let same = 0
  while (same < shorter && old[same] === text[same]) {
    same += 1
  }
  const place = (caret) =>
    caret <= same ? caret : Math.max(same, caret + text.length - old.length)
  area.value = text
  if (document.activeElement === area) {
    area.setSelectionRange(place(start), place(end))
  }
}

/* ---- Drawing the page ---- */

const cursors = new Map() // presence id -> element
let frame = null
let framed = false // the camera has been set for what the room held

client.onChange = () => {
  frame ??= requestAnimationFrame(render)
}

function render() {
  cancelAnimationFrame(frame)
  frame = null
  const records = client.records().filter((record) => record.typeName === 'note')
  const present = new Set(records.map((record) => record.id))
  for (const [id, card] of cards) {
    if (!present.has(id)) {
      card.remove()
      cards.delete(id)
      if (shown.note === id) {
        show({ note: null })
      }
    }
  }
  records.forEach(renderNote)
  if (!framed && client.state === 'online') {
    framed = true
    showAll()
    standOut(people())
  }
  $('hint').hidden = client.state !== 'online' || records.length > 0
  renderPeople(people())
}

function renderPeople(others) {
  const present = new Set(others.map((person) => person.id))
  for (const [id, cursor] of cursors) {
    if (!present.has(id)) {
      cursor.remove()
      cursors.delete(id)
    }
  }
  others.forEach(renderCursor)
  const holders = new Map(others.map((person) => [person.note, person]))
  for (const [id, card] of cards) {
    const holder = holders.get(id)
    const tag = card.querySelector('.holder')
    card.classList.toggle('held', holder !== undefined)
    tag.hidden = !holder || isOver(card, holder) // then the cursor says the name
    tag.textContent = holder?.name ?? ''
    card.style.setProperty('--hue', holder?.hue ?? 0)
  }
  const faces = others.slice(0, 5).map(face)
  if (others.length > faces.length) {
    const more = document.createElement('i')
    more.className = 'face more'
    more.textContent = `+${others.length - faces.length}`
    faces.push(more)
  }
  $('others').replaceChildren(...faces)
  renderStatus()
}

function isOver(card, { x, y }) {
  const note = readNote(card.record)
  const inside = (at, size) => at > -12 && at < size + 12
  return x !== null && inside(x - note.x, NOTE_WIDTH) && inside(y - note.y, NOTE_HEIGHT)
}

function renderCursor(person) {
  let cursor = cursors.get(person.id)
  if (!cursor) {
    cursor = document.createElement('div')
    cursor.className = 'cursor'
    cursor.innerHTML =
      '<svg viewBox="0 0 24 24"><path d="M4 3l6.2 17.2 2.6-7.4 7.4-2.6z"/></svg><span></span>'
    $('cursors').append(cursor)
    cursors.set(person.id, cursor)
  }
  cursor.hidden = person.x === null || person.y === null
  cursor.style.setProperty('--left', `${person.x ?? 0}px`)
  cursor.style.setProperty('--top', `${person.y ?? 0}px`)
  cursor.style.setProperty('--hue', person.hue)
  cursor.querySelector('span').textContent = person.name
}

function face(person) {
  const element = document.createElement('i')
  element.className = 'face'
  element.title = person.name
  element.textContent = initials(person.name)
  element.style.setProperty('--hue', person.hue)
  return element
}

function initials(name) {
  const words = name.trim().split(/\s+/)
  return words
    .slice(0, 2)
    .map((word) => [...word][0] ?? '')
    .join('')
    .toUpperCase()
}

const REASONS = {
  CLIENT_TOO_OLD: 'This page is older than what the room holds. Reload it to get the new one.',
  SERVER_TOO_OLD: 'This page is newer than the server.',
  INVALID_RECORD: 'The server did not accept one of the changes made here.',
  NOT_FOUND: 'There is no such room.',
  FORBIDDEN: 'You may not enter this room.',
  NOT_AUTHENTICATED: 'The server asks you to sign in.',
  RATE_LIMITED: 'Too many changes in a short time.',
  ROOM_FULL: 'There are as many people in it as it takes.',
}

client.onStatus = renderStatus

function renderStatus() {
  const count = people().length + 1
  const crowd = count === 1 ? 'only you' : `${count} people`
  const text = {
    connecting: 'Connecting …',
    online: `${client.readonly ? 'View only' : 'Connected'} · ${crowd}`,
    reconnecting: client.saved ? 'Reconnecting …' : 'Reconnecting … your changes are kept',
    refused: `Refused: ${client.reason}`,
  }[client.state]
  $('status').dataset.state = client.state
  $('saved').textContent = client.saved ? 'all saved' : 'saving'
  if ($('state').textContent !== text) {
    $('state').textContent = text // set it only when it changes: screen readers read it out
  }
  document.body.classList.toggle('readonly', client.readonly)
  if (client.state === 'refused' && !$('refused').open) {
    $('reason').textContent =
      `${REASONS[client.reason] ?? 'The server refused the connection.'} (${client.reason})`
    $('refused').showModal()
  }
}

/* ---- Pointers: drag a note, pan and pinch the board, click, double-click ---- */

const fingers = new Map() // pointerId -> last position, of those that pan
let drag = null // { id, pointer, dx, dy, from, moved }
let lastClick = { at: 0, x: 0, y: 0 }

board.addEventListener('pointerdown', (event) => {
  const card = event.target.closest('.note')
  if (event.target.closest('button') || (event.button !== 0 && event.pointerType === 'mouse')) {
    return
  }
  if (card?.classList.contains('editing') && event.target.tagName === 'TEXTAREA') {
    return // the browser places the caret
  }
  event.preventDefault()
  board.setPointerCapture(event.pointerId)
  const from = { x: event.clientX, y: event.clientY }
  if (card && !drag && fingers.size === 0) {
    const at = toBoard(from.x, from.y)
    const note = readNote(card.record)
    drag = {
      id: note.id,
      pointer: event.pointerId,
      dx: note.x - at.x,
      dy: note.y - at.y,
      from,
      moved: false,
    }
  } else {
    fingers.set(event.pointerId, { ...from, from, moved: false })
    if (!card) {
      document.activeElement?.blur()
      select(null)
    }
  }
})

board.addEventListener('pointermove', (event) => {
  const at = toBoard(event.clientX, event.clientY)
  show({ x: Math.round(at.x), y: Math.round(at.y) })
  if (drag?.pointer === event.pointerId) {
    dragTo(event, at)
  } else if (fingers.has(event.pointerId)) {
    pan(event)
  }
})

board.addEventListener('pointerup', (event) => {
  const finger = fingers.get(event.pointerId)
  const held = drag?.pointer === event.pointerId ? drag : null
  endPress(event)
  if (held && !held.moved && cards.has(held.id)) {
    edit(held.id)
  } else if (finger && !finger.moved) {
    clickBoard(event)
  }
})

board.addEventListener('pointercancel', endPress)
board.addEventListener('lostpointercapture', endPress)
board.addEventListener('pointerleave', () => show({ x: null, y: null }))

function dragTo(event, at) {
  if (client.readonly || !cards.has(drag.id)) {
    return
  }
  if (!drag.moved) {
    if (Math.hypot(event.clientX - drag.from.x, event.clientY - drag.from.y) < CLICK_SLACK_PX) {
      return
    }
    drag.moved = true
    cards.get(drag.id).classList.add('dragged')
    select(drag.id)
    show({ note: drag.id })
    client.update(drag.id, { z: nextLevel() })
  }
  client.update(drag.id, { x: Math.round(at.x + drag.dx), y: Math.round(at.y + drag.dy) })
}

/* One finger moves the board; two also zoom it, by the change of their distance. */
function pan(event) {
  const finger = fingers.get(event.pointerId)
  const to = { x: event.clientX, y: event.clientY }
  if (Math.hypot(to.x - finger.from.x, to.y - finger.from.y) >= CLICK_SLACK_PX) {
    finger.moved = true
  }
  const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1]
  const share = other ? 0.5 : 1
  moveCamera(
    camera.x + ((to.x - finger.x) * share) / camera.zoom,
    camera.y + ((to.y - finger.y) * share) / camera.zoom,
  )
  if (other) {
    const before = Math.hypot(finger.x - other.x, finger.y - other.y)
    const after = Math.hypot(to.x - other.x, to.y - other.y)
    finger.moved = other.moved = true
    zoomAt((to.x + other.x) / 2, (to.y + other.y) / 2, camera.zoom * (after / Math.max(before, 1)))
  }
  Object.assign(finger, to)
}

function endPress(event) {
  fingers.delete(event.pointerId)
  if (drag?.pointer === event.pointerId) {
    if (drag.moved) {
      cards.get(drag.id)?.classList.remove('dragged')
      show({ note: null })
    }
    drag = null
  }
}

function clickBoard({ clientX: x, clientY: y, timeStamp: at }) {
  const near = Math.hypot(x - lastClick.x, y - lastClick.y) < 24
  if (near && at - lastClick.at < DOUBLE_CLICK_MS && !client.readonly) {
    edit(addNote(toBoard(x, y)))
    at = 0
  }
  lastClick = { at, x, y }
}

board.addEventListener(
  'wheel',
  (event) => {
    event.preventDefault()
    if (event.ctrlKey || event.metaKey) {
      zoomAt(event.clientX, event.clientY, camera.zoom * Math.exp(-event.deltaY / 200))
    } else {
      moveCamera(camera.x - event.deltaX / camera.zoom, camera.y - event.deltaY / camera.zoom)
    }
  },
  { passive: false },
)

/* Moves the camera so that a note can be seen, tools and all: the keyboard can focus one that is
 * far away, and that of a phone covers half of the board. */
function reveal(card) {
  const box = card.getBoundingClientRect()
  const { width, height } = visualViewport
  const dx = shiftInto(box.left, box.right, 16, width - 16)
  const dy = shiftInto(box.top, box.bottom, 120, height - 96)
  moveCamera(camera.x + dx / camera.zoom, camera.y + dy / camera.zoom)
}

/* How far a span must go to lie within limits; the start of one that is too long. */
function shiftInto(start, end, min, max) {
  return Math.max(min - start, Math.min(0, max - end))
}

visualViewport.addEventListener('resize', () => {
  const card = document.querySelector('.note.editing')
  if (card) {
    reveal(card)
  }
})

/* The browser itself scrolls to a field that gets the focus. That is the camera's business. */
board.addEventListener('scroll', () => {
  const { scrollLeft, scrollTop } = board
  board.scrollTo(0, 0)
  moveCamera(camera.x - scrollLeft / camera.zoom, camera.y - scrollTop / camera.zoom)
})

/* ---- Buttons and fields ---- */

const dots = COLORS.map((color) => swatch(color, () => chooseColor(color)))

function chosenColor() {
  return dots.find((dot) => dot.getAttribute('aria-checked') === 'true').dataset.color
}

function chooseColor(color) {
  dots.forEach((dot) => dot.setAttribute('aria-checked', dot.dataset.color === color))
}

/* In the middle of what is seen, a little aside if a note is there already. */
function addInView() {
  const middle = toBoard(board.clientWidth / 2, board.clientHeight / 2)
  const taken = (at) =>
    notes().some(
      (note) => Math.hypot(note.x + NOTE_WIDTH / 2 - at.x, note.y + NOTE_HEIGHT / 2 - at.y) < 24,
    )
  while (taken(middle)) {
    middle.x += 28
    middle.y += 28
  }
  edit(addNote(middle))
}

async function copyLink() {
  const link = `${location.origin}/?room=${encodeURIComponent(room)}`
  try {
    await navigator.clipboard.writeText(link)
  } catch {
    /* Only https and localhost have a clipboard. */
    const field = document.createElement('textarea')
    field.value = link
    document.body.append(field)
    field.select()
    document.execCommand('copy')
    field.remove()
  }
  const label = $('copy').querySelector('span')
  label.textContent = 'Copied'
  setTimeout(() => (label.textContent = 'Copy link'), 1500)
}

/* Takes another colour if somebody here has ours. */
function standOut(others) {
  const free = HUES.filter((hue) => others.every((person) => person.hue !== hue))
  if (free.length > 0 && !free.includes(self.hue)) {
    self.hue = free[0]
    showMe()
  }
}

function showMe() {
  const mine = document.querySelector('#people label .face')
  mine.textContent = initials(self.name)
  mine.style.setProperty('--hue', self.hue)
  $('me').style.setProperty('--length', Math.max(4, $('me').value.length))
  show({})
}

dots.forEach((dot) => dot.setAttribute('role', 'radio'))
$('colors').append(...dots)
chooseColor(COLORS[0])
$('name').textContent = room
document.title = `${room} · roomd`
$('me').value = self.name
$('me').oninput = () => {
  self.name = $('me').value.trim() || 'Somebody'
  showMe()
}
$('me').onkeydown = (event) => event.key === 'Enter' && $('me').blur()
$('add').onclick = addInView
$('copy').onclick = copyLink
$('fresh').onclick = () => location.assign(`/?room=${randomId(10)}`)
$('retry').onclick = () => location.reload()
$('fit').onclick = showAll
$('in').onclick = () => zoomAt(board.clientWidth / 2, board.clientHeight / 2, camera.zoom * 1.25)
$('out').onclick = () => zoomAt(board.clientWidth / 2, board.clientHeight / 2, camera.zoom / 1.25)
$('refused').oncancel = (event) => event.preventDefault()
addEventListener('hashchange', () => location.reload())
addEventListener('keydown', (event) => {
  const typing = /^(INPUT|TEXTAREA)$/.test(event.target.tagName)
  if (event.key === 'n' && !typing && !event.ctrlKey && !event.metaKey && !client.readonly) {
    event.preventDefault()
    addInView()
  }
})
showMe()
moveCamera(board.clientWidth / 2, board.clientHeight / 2)
renderStatus()

/* For tests and the curious. All of it reads; the page is driven by its own events. */
window.demo = {
  room,
  self, // { session, name, hue }
  notes, // () => [{ id, x, y, z, color, text }], x and y of the upper left corner on the board
  people, // () => the others: [{ id, name, hue, x, y, note }], x and y null when not over the board
  status: () => ({ state: client.state, reason: client.reason, saved: client.saved }),
  toScreen, // (x, y) of the board => { x, y } in the window
}
