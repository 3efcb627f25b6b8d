/* The thread of the clients as the other thread sees it. */
import { Worker } from 'node:worker_threads'

export class CrowdCaller {
  #worker
  #calls = new Map()
  #next = 1

  /* `onEvent` gets {event, ...}: 'wrong', 'end'. */
  constructor(options, onEvent) {
    this.#worker = new Worker(new URL('crowd.js', import.meta.url), { workerData: options })
    this.#worker.on('message', (message) => (message.event ? onEvent(message) : this.#onAnswer(message)))
    this.#worker.on('error', (error) => {
      onEvent({ event: 'wrong', check: 'test', what: `the clients' thread ended: ${error.stack}`, lines: [] })
      this.#calls.forEach(({ reject }) => reject(error))
      this.#calls.clear()
    })
  }

  #onAnswer({ id, value, error }) {
    const { resolve, reject } = this.#calls.get(id)
    this.#calls.delete(id)
    error === undefined ? resolve(value) : reject(new Error(error))
  }

  /* Calls a method of the crowd. */
  call(name, args = {}) {
    const id = this.#next++
    this.#worker.postMessage({ id, name, args })
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }))
  }

  terminate() {
    return this.#worker.terminate()
  }
}
