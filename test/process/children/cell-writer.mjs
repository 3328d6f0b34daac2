// Sets numbered values as fast as it can until it is killed. Writes the number of the last completed set to a file: the page cache keeps it
// after the kill. The bytes of a value follow from its number.
//   cell-writer.mjs <address> <transport> <file for the number> <first number>
import { openSync, writeSync } from 'node:fs'
import { createCell } from '../../../build/modules/messaging/cell/create-cell.js'

const [address, transport, file, first] = process.argv.slice(2)
const PER_TURN = 50
const report = openSync(file, 'w')
const word = Buffer.alloc(8)
let number = Number(first)

const makeValue = () => {
  const bytes = Buffer.alloc(16 + ((number * 37) % 4000), number & 0xff)
  bytes.writeBigUInt64LE(BigInt(number))
  return bytes
}

const cell = await createCell(address, makeValue(), { codec: 'bytes', channel: { transport } })

const pump = async () => {
  for (let each = 0; each < PER_TURN; each += 1) {
    number += 1
    await cell.set(makeValue())
    word.writeBigUInt64LE(BigInt(number))
    writeSync(report, word, 0, 8, 0)
  }
  setImmediate(pump)
}

process.on('message', (request) => {
  if (request === 'set') void pump()
  else process.send({ number, version: cell.version })
})
process.on('disconnect', () => process.exit())
process.send({ epoch: cell.epoch })
