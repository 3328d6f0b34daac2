import { readFileSync } from 'node:fs'

/** As in native/test/power/write_trace.cc. */
export const Action = { CREATE: 1, WRITE: 2, TRUNCATE: 3, SYNC: 4, REMOVE: 5 }
/** In place of the number of a file. */
export const FOLDER = 0xffff_ffff

const HEADER_BYTES = 24

/** The actions of a record in their order. */
export function readTrace(file) {
  const bytes = readFileSync(file)
  const actions = []
  for (let place = 0; place < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(place + 16))
    const start = place + HEADER_BYTES
    actions.push({
      action: bytes.readUInt32LE(place),
      file: bytes.readUInt32LE(place + 4),
      position: Number(bytes.readBigUInt64LE(place + 8)),
      data: bytes.subarray(start, start + length),
    })
    place = start + length
  }
  return actions
}
