// Reads the parts of a Mach-O file for 64-bit processors that decide where it can be loaded: <mach-o/loader.h>, <mach-o/nlist.h>.
import { readFileSync } from 'node:fs'

const MAGIC = 0xfeedfacf
const PROCESSORS = new Map([
  [0x0100000c, 'arm64'],
  [0x01000007, 'x64'],
])
const COMMAND = { symbols: 0x2, library: 0xc, signature: 0x1d, buildVersion: 0x32, searchPath: 0x8000001c }
const [HEADER_BYTES, SYMBOL_BYTES] = [32, 16]
/** Of a symbol's type. */
const [EXTERNAL, PRIVATE, KIND] = [0x01, 0x10, 0x0e]
/** Instead of the number of a library: every loaded image is searched. */
const DYNAMIC_LOOKUP = 0xfe

/**
 * Names are as in C, without the underscore of the linker. `lookedUp` are those that no library of the file has; `exported` those that
 * other images can use.
 */
export function readMachO(file) {
  const bytes = readFileSync(file)
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC)
    throw new Error(`${file} is not a Mach-O file for 64-bit processors`)
  const found = {
    arch: PROCESSORS.get(bytes.readUInt32LE(4)),
    libraries: /** @type {string[]} */ ([]),
    lookedUp: /** @type {string[]} */ ([]),
    exported: /** @type {string[]} */ ([]),
    minimum: undefined,
    isSigned: false,
    hasSearchPath: false,
  }
  let offset = HEADER_BYTES
  for (let rest = bytes.readUInt32LE(16); rest > 0; rest -= 1) {
    const command = bytes.readUInt32LE(offset)
    const length = bytes.readUInt32LE(offset + 4)
    if (command === COMMAND.symbols) readSymbols(bytes, offset, found)
    if (command === COMMAND.library)
      found.libraries.push(textAt(bytes, offset + bytes.readUInt32LE(offset + 8)))
    if (command === COMMAND.buildVersion) {
      const version = bytes.readUInt32LE(offset + 12)
      found.minimum = `${version >>> 16}.${(version >>> 8) & 0xff}`
    }
    if (command === COMMAND.signature) found.isSigned = true
    if (command === COMMAND.searchPath) found.hasSearchPath = true
    offset += length
  }
  return found
}

function readSymbols(bytes, offset, found) {
  const [table, count, names] = [8, 12, 16].map((field) => bytes.readUInt32LE(offset + field))
  for (let index = 0; index < count; index += 1) {
    const at = table + index * SYMBOL_BYTES
    const type = bytes[at + 4]
    if ((type & EXTERNAL) === 0 || (type & PRIVATE) !== 0) continue
    const name = textAt(bytes, names + bytes.readUInt32LE(at)).replace(/^_/, '')
    if ((type & KIND) !== 0) found.exported.push(name)
    else if (bytes.readUInt16LE(at + 6) >>> 8 === DYNAMIC_LOOKUP) found.lookedUp.push(name)
  }
}

function textAt(bytes, offset) {
  return bytes.toString('latin1', offset, bytes.indexOf(0, offset))
}
