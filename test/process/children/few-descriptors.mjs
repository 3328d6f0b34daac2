// Tries, with each number of descriptors left to it from <first> to <last>, and says each time how it went.
//   few-descriptors.mjs connect|listen <address> <first> <last> warm|cold
// Warm: has done it before with plenty.
import { connect, listen } from '../../../dist/index.js'
import { Hoard } from './hoard.mjs'

const [what, address, first, last, start] = process.argv.slice(2)
const say = (said) => console.log(JSON.stringify(said))
const told = ({ code, message }) => ({ code, message })

const attempts = {
  async connect() {
    const channel = await connect(address)
    const whole = (await channel.request('here?')) === 'here?'
    const { transport, fallbackReason } = channel
    await channel.close()
    return { transport, fallbackReason, whole }
  },

  async listen() {
    let fallbackReason
    const logger = { debug() {}, warn: (text) => (fallbackReason = text) }
    const server = await listen(address, { logger })
    await server.close()
    return { transport: fallbackReason === undefined ? 'shm' : 'unix', fallbackReason, whole: true }
  },
}

say({ ready: true })
if (start === 'warm') await attempts[what]()
const hoard = new Hoard()
for (let free = Number(first); free <= Number(last); free += 1) {
  hoard.leave(free)
  const outcome = await attempts[what]().catch(told)
  say({ free, ...outcome, allBack: await hoard.isFree(free) })
}
hoard.giveBack()
say({ afterwards: await attempts[what]().catch(told) })
