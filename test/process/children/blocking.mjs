// A client that blocks its thread.
//   blocking.mjs <what> <address> <transport>
import { connect } from '../../../dist/index.js'

const [what, address, transport] = process.argv.slice(2)
const say = (said) => console.log(JSON.stringify(said))
const codeOf = (call) => {
  try {
    return { value: call() }
  } catch (error) {
    return { code: error.code }
  }
}
const channel = await connect(address, { transport, ringBytes: 64 * 1024 })

const scripts = {
  requests() {
    const replies = []
    for (let number = 0; number < 5_000; number += 1) replies.push(channel.requestSync(number, 20_000))
    return { right: replies.every((reply, number) => reply === number + 1) }
  },

  messages() {
    const long = 'x'.repeat(300_000)
    let right = true
    for (let number = 0; number < 2_000; number += 1) {
      const message = number % 500 === 0 ? { number, long } : { number }
      channel.sendSync(message, 20_000)
      const back = channel.receiveSync(20_000)
      right &&= back.number === number && back.long === message.long
    }
    return { right }
  },

  timeouts: () => ({
    receive: codeOf(() => channel.receiveSync(20)),
    none: codeOf(() => channel.receiveSync(0)),
    request: codeOf(() => channel.requestSync('never', 20)),
    wrong: codeOf(() => channel.sendSync('not sent', -1)),
    after: codeOf(() => channel.requestSync(1, 20_000)),
  }),

  'for ever': () => ({
    receive: codeOf(() => channel.receiveSync()),
    again: codeOf(() => channel.receiveSync(10)),
  }),

  'request for ever': () => ({ request: codeOf(() => channel.requestSync('never')) }),

  'over the socket': () => ({
    receive: codeOf(() => channel.receiveSync(10)),
    send: codeOf(() => channel.sendSync('not sent', 10)),
    request: codeOf(() => channel.requestSync('not sent', 10)),
  }),
}

say('connected')
say(scripts[what]())
await channel.close()
