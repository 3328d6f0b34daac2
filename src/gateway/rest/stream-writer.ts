import type { ServerResponse } from 'node:http'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { clearInterval, clearTimeout, setInterval, setTimeout } from '../../host.js'
import { TIMEOUT_MS_MAX } from '../../options.js'
import type { ErrorAnswer } from './error-answer.js'
import type { RestSettings } from './rest-options.js'
import type { StreamFormat } from './stream-formats.js'

/** Writes the body of a stream, whose headers are sent. */
export class StreamWriter {
  readonly #response: ServerResponse
  readonly #format: StreamFormat
  readonly #stallMs: number
  #messages = 0
  #heartbeat: NodeJS.Timeout | undefined

  constructor(
    response: ServerResponse,
    format: StreamFormat,
    { heartbeatMs, stallMs }: Pick<RestSettings, 'heartbeatMs' | 'stallMs'>,
  ) {
    this.#response = response
    this.#format = format
    this.#stallMs = stallMs
    const { heartbeat } = format
    if (heartbeat === undefined || heartbeatMs === Number.POSITIVE_INFINITY) return
    // Its connection keeps the process alive, unless the program wants otherwise.
    this.#heartbeat = setInterval(() => {
      // A client that does not read needs none.
      if (!response.writableNeedDrain) response.write(heartbeat)
    }, heartbeatMs).unref()
    response.once('close', () => clearInterval(this.#heartbeat))
  }

  begin(lastEventId: string | undefined): void {
    const text = this.#format.begin(lastEventId)
    if (text === '') this.#response.flushHeaders()
    else this.#response.write(text)
  }

  /** Returns a promise while the client does not read: send the next message after it. It rejects if the client reads nothing for too long. */
  message(text: string, eventId: string | undefined): Promise<void> | undefined {
    this.#messages += 1
    const response = this.#response
    if (response.write(this.#format.message(text, this.#messages === 1, eventId))) return undefined
    return response.destroyed ? undefined : this.#drained()
  }

  /** The stream is complete. */
  end(): void {
    clearInterval(this.#heartbeat)
    this.#response.end(this.#format.end(this.#messages === 0))
  }

  /** The stream has failed. It must not look like a complete one. */
  fail(answer: ErrorAnswer): void {
    clearInterval(this.#heartbeat)
    const text = this.#format.failure(answer)
    if (text === undefined || this.#response.writableNeedDrain) this.#response.destroy()
    else this.#response.end(text)
  }

  #drained(): Promise<void> {
    const response = this.#response
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer)
        response.off('drain', settle)
        response.off('close', settle)
      }
      const settle = (): void => {
        stop()
        resolve()
      }
      const stalled = (): void => {
        stop()
        reject(new ShmwireError(ErrorCode.ABORTED, 'the client does not read'))
      }
      const timer = this.#stallMs > TIMEOUT_MS_MAX ? undefined : setTimeout(stalled, this.#stallMs).unref()
      response.once('drain', settle)
      response.once('close', settle)
    })
  }
}
