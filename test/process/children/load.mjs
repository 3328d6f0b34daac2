// The messages between victim and survivor of a kill: length and bytes follow from their number.

function lengthOf(number) {
  const hash = Math.imul(number + 1, 0x9e3779b1) >>> 0
  const dice = hash % 1000
  if (dice < 900) return 4 + ((hash >>> 10) % 300)
  if (dice < 995) return 4 + ((hash >>> 10) % 9_000)
  return 4 + ((hash >>> 10) % 300_000)
}

export function message(number) {
  const bytes = Buffer.alloc(lengthOf(number), number & 0xff)
  bytes.writeUInt32LE(number)
  return bytes
}

/** The fault of the message that must be the `number`-th; undefined if it is correct. */
export function faultOf(bytes, number) {
  if (message(number).equals(bytes)) return undefined
  return `message ${number} of ${lengthOf(number)} bytes arrived as ${bytes.length >= 4 ? bytes.readUInt32LE() : '?'} of ${bytes.length}`
}
