// Listens, connects to itself, closes, and reports the outcome and the remaining files of the directory.
//   self-connect.mjs <name>
import { existsSync, readdirSync } from 'node:fs'
import { connect, listen } from '../../../dist/index.js'

const name = process.argv[2]
const directory = process.env['SHMWIRE_DIR']

async function exchange() {
  const server = await listen(name)
  server.on('channel', (channel) => channel.handle((value) => value))
  try {
    const channel = await connect(name)
    const whole = (await channel.request('here?')) === 'here?'
    const { transport, fallbackReason } = channel
    await channel.close()
    return { transport, fallbackReason, whole }
  } finally {
    await server.close()
  }
}

const outcome = await exchange().catch(({ code, message }) => ({ code, message }))
console.log(JSON.stringify({ ...outcome, files: existsSync(directory) ? readdirSync(directory) : [] }))
