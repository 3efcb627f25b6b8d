/* The admin port, as another service uses it to look into rooms and to edit them. */
import { PATIENCE_MS } from './wait.js'

export function roomPath(room, ...rest) {
  return ['/v1/rooms', encodeURIComponent(room), ...rest.map(encodeURIComponent)].join('/')
}

/* {status, body, type}; the body parsed. */
export async function ask(roomd, method, path, body, headers = {}) {
  const response = await fetch(`http://${roomd.admin}${path}`, {
    method,
    signal: AbortSignal.timeout(PATIENCE_MS),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  const type = response.headers.get('content-type')
  return { status: response.status, type, body: /json/.test(type) && text ? JSON.parse(text) : text }
}

/* The body of a success; else an error that says what was wrong. */
export async function done(roomd, method, path, body) {
  const answer = await ask(roomd, method, path, body)
  if (answer.status !== 200) {
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }
  return answer.body
}

/* "404 no-room" */
export async function refusal(roomd, method, path, body, headers) {
  const answer = await ask(roomd, method, path, body, headers)
  return `${answer.status} ${answer.body?.type?.replace('urn:roomd:problem:', '')}`
}

export const update = (roomd, room, change) => done(roomd, 'POST', roomPath(room, 'update'), change)
export const snapshotOf = (roomd, room) => done(roomd, 'GET', roomPath(room, 'snapshot'))
export const load = (roomd, room, snapshot) => done(roomd, 'PUT', roomPath(room, 'snapshot'), snapshot)
export const sessionsOf = async (roomd, room) => (await done(roomd, 'GET', roomPath(room, 'sessions'))).sessions
