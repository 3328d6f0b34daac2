import { closeSync, openSync, readSync, writeSync } from 'node:fs'

/** Where a file of Windows states the offset of its header, and what is where in that: the PE format, "MS-DOS Stub" and "COFF File Header". */
const HEADER_OFFSET_AT = 0x3c
const SIGNATURE = 'PE\0\0'
const TIME_AT = 8
const FIELD_BYTES = 4

/** Clears the time of the link, which the linker of the compiler always writes. Windows does not use it for a library that is not bound. */
export function clearLinkTime(path) {
  const file = openSync(path, 'r+')
  try {
    const header = read(file, HEADER_OFFSET_AT).readUInt32LE()
    if (read(file, header).toString('latin1') !== SIGNATURE) throw new Error(`${path} is not a PE file`)
    writeSync(file, Buffer.alloc(FIELD_BYTES), 0, FIELD_BYTES, header + TIME_AT)
  } finally {
    closeSync(file)
  }
}

function read(file, position) {
  const bytes = Buffer.alloc(FIELD_BYTES)
  readSync(file, bytes, 0, FIELD_BYTES, position)
  return bytes
}
