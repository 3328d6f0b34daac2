import type { ServerResponse } from 'node:http'
import { clearTimeout, setTimeout } from '../../host.js'

/** A page that reads nothing for so long has lost its connection. */
const STALLED_MS = 30_000

type Response = Pick<ServerResponse, 'write' | 'end' | 'destroy' | 'destroyed' | 'on' | 'once'>

/** Server-sent events to one page. A page that reads too slowly misses events, so that nothing waits for it here. */
export class LiveStream {
  readonly #response: Response
  readonly #stalledMs: number
  #isFull = false
  #stalled: NodeJS.Timeout | undefined

  constructor(response: Response, onEnd: () => void, stalledMs = STALLED_MS) {
    this.#response = response
    this.#stalledMs = stalledMs
    response.on('drain', () => {
      this.#isFull = false
      clearTimeout(this.#stalled)
    })
    response.once('close', () => {
      clearTimeout(this.#stalled)
      onEnd()
    })
  }

  /** @param json without line breaks */
  send(event: string, json: string): void {
    if (this.#isFull || this.#response.destroyed) return
    if (this.#response.write(`event: ${event}\ndata: ${json}\n\n`)) return
    this.#isFull = true
    this.#stalled = setTimeout(() => this.#response.destroy(), this.#stalledMs)
  }

  end(): void {
    this.#response.end()
  }
}
