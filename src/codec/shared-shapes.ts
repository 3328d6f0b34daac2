import { DECODED_BYTES_DEFAULT, DecodeBudget } from './decode-budget.js'
import { ReceivedShapes } from './received-shapes.js'
import { SentShapes } from './sent-shapes.js'
import type { ShapesToRead } from './tree-format.js'
import { decodeTree } from './tree-reader.js'

/**
 * The shapes of the messages that several channels send: one table of each thread. Its ids stand in those messages, and each channel replaces
 * them by its own.
 */
const received = new ReceivedShapes()
const keysById: (readonly string[])[] = []

export const sharedShapes = new SentShapes((note) => {
  const copy = Buffer.from(note)
  received.add(copy)
  keysById.push(decodeTree(copy, undefined, new DecodeBudget(DECODED_BYTES_DEFAULT)) as string[])
  return true
})

/** For a channel that cannot announce all shapes of a message. */
export const sharedShapesToRead: ShapesToRead = received

/** The keys of an id in such a message. */
export function sharedKeys(id: number): readonly string[] {
  return keysById[id] as readonly string[]
}
