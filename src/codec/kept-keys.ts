import { byteAt } from './short-ascii.js'

/** A cache of short ASCII keys: the engine searches its table of all names for each new string. */
const KEYS_KEPT = 4096
const keysKept = Array.from<string | undefined>({ length: KEYS_KEPT })

export function slotOfKey(bytes: Buffer, start: number, length: number): number {
  let hash = length
  for (let at = start; at < start + length; at++) hash = (hash * 31 + byteAt(bytes, at)) | 0
  return hash & (KEYS_KEPT - 1)
}

/** The key with these bytes, if the slot has it. */
export function keptKey(slot: number, bytes: Buffer, start: number, length: number): string | undefined {
  const key = keysKept[slot]
  return key !== undefined && isAt(key, bytes, start, length) ? key : undefined
}

/** Keeps a key that was decoded from `length` bytes of UTF-8, if it is ASCII. */
export function keepKey(slot: number, key: string, length: number): string {
  // Other characters have more bytes than UTF-16 units. A byte that is not UTF-8 has become U+FFFD, which equals no byte.
  if (key.length === length) keysKept[slot] = key
  return key
}

function isAt(text: string, bytes: Buffer, start: number, length: number): boolean {
  if (text.length !== length) return false
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) !== bytes[start + index]) return false
  }
  return true
}
