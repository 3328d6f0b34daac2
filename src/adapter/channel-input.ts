import type { Channel } from '../channel/channel.js'
import { runApart } from '../uncaught.js'

/**
 * The messages of a channel, with pause and resume. A listener is the fast way to receive. But 10 seconds after its end, a channel drops
 * the messages that no listener took, and a reader may pause for longer. So a pause is an idle loop, for which the channel keeps them.
 */
export class ChannelInput {
  readonly #channel: Channel<Uint8Array, Uint8Array>
  #onMessage: (message: Uint8Array) => void
  #onEnd: (error: Error | undefined) => void
  /** Of the pause. */
  #loop: AsyncIterableIterator<Uint8Array, undefined> | undefined
  #closed = false
  #draining = false
  #paused = false
  #over = false

  /** Begins to receive. `onEnd` runs once, after the last message; its error is that of the channel. */
  constructor(
    channel: Channel<Uint8Array, Uint8Array>,
    onMessage: (message: Uint8Array) => void,
    onEnd: (error: Error | undefined) => void,
  ) {
    this.#channel = channel
    this.#onMessage = onMessage
    this.#onEnd = onEnd
    channel.on('message', this.#receive)
    channel.once('close', (error) => {
      this.#closed = true
      // Of a loop, the end comes after the messages that it has not taken.
      if (this.#loop === undefined) this.#end(error)
      else if (!this.#paused) void this.#drain()
    })
  }

  readonly #receive = (message: Uint8Array): void => this.#onMessage(message)

  /** The peer is stopped once the channel holds 256 messages or 256 KiB. */
  pause(): void {
    if (this.#paused) return
    this.#paused = true
    // After the end, messages come from the loop only.
    if (this.#loop !== undefined || this.#closed) return
    this.#loop = this.#channel[Symbol.asyncIterator]()
    this.#channel.off('message', this.#receive)
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    const loop = this.#loop
    if (loop === undefined) return
    if (this.#closed) {
      void this.#drain()
      return
    }
    this.#loop = undefined
    this.#channel.on('message', this.#receive)
    void loop.return?.()
  }

  /** Drops all further messages. The channel must read on, to find the end of the peer. */
  discard(): void {
    this.#onMessage = () => {}
    this.#onEnd = () => {}
    this.resume()
  }

  /** Takes the rest of an ended channel. */
  async #drain(): Promise<void> {
    const loop = this.#loop
    if (this.#draining || loop === undefined) return
    this.#draining = true
    while (!this.#paused) {
      const next = await loop.next().catch((error: Error) => error)
      if (next instanceof Error) this.#end(next)
      else if (next.done === true) this.#end(undefined)
      // Apart, because a listener of the user can throw, and the rest must follow.
      else runApart(() => this.#onMessage(next.value))
      if (this.#over) break
    }
    this.#draining = false
  }

  #end(error: Error | undefined): void {
    this.#over = true
    this.#onEnd(error)
  }
}
