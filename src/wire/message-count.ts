import { batchCount } from './call-batches.js'
import { RecordKind } from './record-kind.js'

/** How many messages of the user the record carries: these count in the statistics. */
export function messagesIn(kind: number, payload: Uint8Array): number {
  if (kind <= RecordKind.ERROR) return 1
  switch (kind) {
    case RecordKind.CALL:
    case RecordKind.CALL_MORE:
    case RecordKind.ANSWER:
      return 1
    case RecordKind.CALL_BATCH:
    case RecordKind.ANSWER_BATCH:
      return batchCount(payload)
    default:
      return 0
  }
}
