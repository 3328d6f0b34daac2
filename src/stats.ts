import type { LinkStats } from './link/link.js'

/** Counters of a channel since its start. Bytes are encoded messages, without headers. */
export interface ChannelStats extends LinkStats {
  /** Messages, requests and replies that the link has taken. */
  messagesSent: number
  bytesSent: number
  /** Messages, requests and replies that arrived. */
  messagesReceived: number
  bytesReceived: number
  /** Records that wait for room. */
  outboxRecords: number
  /** Own requests that the peer has not answered yet. */
  requestsOpen: number
  /** The peer's requests that are being answered. */
  requestsRunning: number
}

/** What went through a channel. */
export class Traffic {
  readonly counters = { messagesSent: 0, bytesSent: 0, messagesReceived: 0, bytesReceived: 0 }

  sent(bytes: number): void {
    this.counters.messagesSent += 1
    this.counters.bytesSent += bytes
  }

  /** Counts the record once it is sent; then, or when it never will be, runs `settled`. */
  onceSent(bytes: number, settled: (() => void) | undefined): (error?: Error) => void {
    return (error) => {
      if (error === undefined) this.sent(bytes)
      settled?.()
    }
  }

  received(bytes: number): void {
    this.counters.messagesReceived += 1
    this.counters.bytesReceived += bytes
  }
}
