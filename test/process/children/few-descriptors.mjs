// Makes one attempt with each number of free descriptors from <first> to <last>, and reports each outcome.
//   few-descriptors.mjs connect|listen <address> <first> <last> warm|cold
// Warm: makes an attempt without the limit first.
import { connect, listen } from '../../../dist/index.js'
import { DescriptorLimit, socketCount, socketsClosed } from './descriptor-limit.mjs'

const [what, address, first, last, start] = process.argv.slice(2)
const report = (value) => console.log(JSON.stringify(value))
const failureOf = ({ code, message }) => ({ code, message })

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
    const logger = { debug() {}, warn: ({ error }) => (fallbackReason = error), error() {} }
    const server = await listen(address, { logger })
    await server.close()
    return { transport: fallbackReason === undefined ? 'shm' : 'unix', fallbackReason, whole: true }
  },
}

report({ ready: true })
if (start === 'warm') {
  const socketsBefore = socketCount()
  await attempts[what]()
  await socketsClosed(socketsBefore)
}
const limit = new DescriptorLimit()
for (let free = Number(first); free <= Number(last); free += 1) {
  limit.leave(free)
  const outcome = await attempts[what]().catch(failureOf)
  report({ free, ...outcome, allFree: await limit.isFree(free) })
}
limit.releaseAll()
report({ afterwards: await attempts[what]().catch(failureOf) })
