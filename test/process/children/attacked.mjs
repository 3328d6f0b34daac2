// A process that a hostile peer attacks: it serves, and it connects on command. It echoes requests, and reports
// the state of each channel. After a message that begins with 1, it sends whenever there is room.
//   attacked.mjs <address> <options as JSON>
import { connect, listen } from '../../../dist/index.js'

const [address, text] = process.argv.slice(2)
const note = (fields, message) => process.send({ note: `${message}: ${JSON.stringify(fields)}` })
const logger = { debug: note, warn: note, error: note }
const options = { codec: 'bytes', ringBytes: 64 * 1024, maxMessageBytes: 1 << 20, ...JSON.parse(text) }
const FLOOD = 1
const chunk = Buffer.alloc(1000, 7)
let channels = 0

const server = await listen(address, { ...options, logger })
server.on('channel', observe)
process.send('listening')

process.on('message', async ({ connectTo, block }) => {
  try {
    const channel = await connect(connectTo, options)
    observe(channel)
    if (block !== undefined) process.send({ blocked: outcomeOf(() => channel[block.call](...block.args)) })
  } catch (error) {
    process.send({ refused: error.code, message: error.message })
  }
})
process.on('disconnect', () => process.exit())

function observe(channel) {
  channels += 1
  const number = channels
  let received = 0
  channel.handle((value) => value)
  channel.on('message', (bytes) => {
    received += 1
    if (bytes[0] === FLOOD) flood(channel)
  })
  channel.on('close', (error) =>
    process.send({ closed: number, code: error?.code, message: error?.message, received }),
  )
  process.send({ opened: number, transport: channel.transport, reason: channel.fallbackReason })
}

function flood(channel) {
  if (!channel.open) return
  while (channel.trySend(chunk));
  channel.once('drain', () => flood(channel))
}

function outcomeOf(call) {
  try {
    return { value: call() }
  } catch (error) {
    return { code: error.code }
  }
}
