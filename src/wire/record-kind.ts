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
  /** A sign of life of a link, not of a channel: it may also follow CLOSE. */
  HEARTBEAT: 8,
  /** The last MESSAGE of its sender came before. */
  END: 9,
  /** Begins a call of a service. Kinds 16 to 31 belong to calls (wire/call-records.ts). */
  CALL: 16,
  /** A further message of the caller, or the end of its messages. */
  CALL_MORE: 17,
  CALL_CANCEL: 18,
  /** The caller has room for more messages of the service. */
  CALL_CREDIT: 19,
  /** A message of the service, or the end of the call. */
  ANSWER: 20,
  /** The service has room for more messages of the caller. */
  ANSWER_CREDIT: 21,
  /** Several further messages of the caller (wire/call-batches.ts). */
  CALL_BATCH: 22,
  /** Several messages of the service. */
  ANSWER_BATCH: 23,
} as const

const CALL_KIND_MAX = 31

/** Whether the record belongs to a call of a service. */
export function isCallKind(kind: number): boolean {
  return kind >= RecordKind.CALL && kind <= CALL_KIND_MAX
}

/** Whether a batch of messages ends before a record of this kind. A note is for the messages after it. */
export function endsBatch(kind: number): boolean {
  return kind !== RecordKind.MESSAGE && kind !== RecordKind.CODEC
}
