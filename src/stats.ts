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
  /** The memory of the messages and requests that wait for room or for a place. */
  outboxBytes: number
  /** Own requests that the peer has not answered yet. */
  requestsOpen: number
  /** The peer's requests that are being answered. */
  requestsRunning: number
}
