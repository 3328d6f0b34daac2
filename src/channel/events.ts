/** What a channel emits, with what. */
export interface ChannelEvents {
  /** One message of the peer. While a loop iterates the channel, or a blocking call takes them, messages go there instead. */
  // biome-ignore lint/suspicious/noExplicitAny: what a message is, the two programs agree on
  message: [message: any]
  /** The messages that came together, in their order: fewer calls for those who want the last nanosecond. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  messages: [batch: any[]]
  /** There is room again, after `trySend` had returned false, or `claim` null. */
  drain: []
  /** The channel broke; `close` follows. Without a listener nothing is thrown: pending calls reject and `close` tells it. */
  error: [error: Error]
  /** The channel is over: without an error when it was closed in order, by either side. Always, once, last. */
  close: [error: Error | undefined]
}
