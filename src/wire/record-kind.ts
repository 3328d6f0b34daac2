/**
 * The meaning of a record to the channel. Links only distinguish messages, for `LinkSink.batchEnd`.
 * Values 1 to 255 belong to the channel, higher ones to the frames of the handshake (docs/protocol.md).
 */
export const RecordKind = {
  MESSAGE: 1,
  REQUEST: 2,
  REPLY: 3,
  ERROR: 4,
  CANCEL: 5,
  /** The last record of its sender. */
  CLOSE: 6,
  /** A note from the sender's codec to the receiver's, before a message that needs it. */
  CODEC: 7,
} as const

/** Whether a batch of messages ends before a record of this kind. A note is for the messages after it. */
export function endsBatch(kind: number): boolean {
  return kind !== RecordKind.MESSAGE && kind !== RecordKind.CODEC
}
