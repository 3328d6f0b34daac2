import { type MessagePlace, messageFault, violationAt } from './field-violations.js'
import type { MessageType } from './message-type.js'

/** The type of a missing `input` or `output`. */
export function noMessageType(place: MessagePlace): MessageType<undefined, undefined> {
  return {
    empty: true,
    parse: (value) => {
      // JSON has null for undefined. A handler may return what another function returned.
      if (value === undefined || value === null || place.direction === 'output') return undefined
      throw messageFault(place, [violationAt([], 'the method takes no message')])
    },
  }
}
