import type { Channel } from '../channel/channel.js'
import { checkChannel } from './check-channel.js'

/** The options of birpc that move messages. */
export interface BirpcTransport {
  /** Sends a message, as soon as there is room. */
  post(message: unknown): Promise<void> | undefined
  /** Calls the listener with each message. */
  on(listener: (message: unknown) => void): void
  /** Removes the listener. */
  off(listener: (message: unknown) => void): void
}

/**
 * The options of birpc for a channel: `createBirpc(functions, birpcTransport(channel))`. The codec of the channel encodes the messages. A
 * call whose message cannot be sent rejects with the error of `send`. Call `rpc.$close` when the channel closes: pending calls then reject.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function birpcTransport(channel: Channel): BirpcTransport {
  checkChannel(channel)
  return {
    post: (message) => (channel.trySend(message) ? undefined : channel.send(message)),
    on: (listener) => {
      channel.on('message', listener)
    },
    off: (listener) => {
      channel.off('message', listener)
    },
  }
}
