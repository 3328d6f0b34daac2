// A client that blocks its thread.
//   blocking.mjs <what> <address> <transport> [wait]
import { connect } from '../../../dist/index.js'

const [what, address, transport, wait] = process.argv.slice(2)
const report = (value) => console.log(JSON.stringify(value))
const codeOf = (call) => {
  try {
    return { value: call() }
  } catch (error) {
    return { code: error.code }
  }
}
const channel = await connect(address, { transport, wait, ringBytes: 64 * 1024 })

const scripts = {
  requests() {
    const replies = []
    for (let number = 0; number < 5_000; number += 1) replies.push(channel.requestSync(number, 20_000))
    return { right: replies.every((reply, number) => reply === number + 1) }
  },

  echoes() {
    let right = true
    for (let number = 0; number < 200; number += 1) right &&= channel.requestSync(number, 20_000) === number
    return { right, none: codeOf(() => channel.receiveSync(50)) }
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

  /** The peer answers when it has had both messages, which are only collected when the call begins to wait. */
  corked() {
    channel.cork()
    channel.trySend({ number: 1 })
    channel.trySend({ number: 2 })
    return { right: channel.receiveSync(20_000) === 'both' }
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

  // The peer sends as long as there is room, and would reply only after that.
  'behind messages'() {
    const request = codeOf(() => channel.requestSync('all'))
    const numbers = []
    while (numbers.at(-1) !== 'end') numbers.push(channel.receiveSync(20_000).number)
    return {
      request,
      right: numbers.slice(0, -1).every((number, index) => number === index),
      received: numbers.length - 1,
      after: codeOf(() => channel.requestSync('one', 20_000)),
    }
  },

  // The event loop does not run between them.
  'short waits'() {
    for (;;) {
      const receive = codeOf(() => channel.receiveSync(1))
      if (receive.code !== 'ERR_SHMWIRE_TIMEOUT') return { receive }
    }
  },

  'over the socket': () => ({
    receive: codeOf(() => channel.receiveSync(10)),
    send: codeOf(() => channel.sendSync('not sent', 10)),
    request: codeOf(() => channel.requestSync('not sent', 10)),
  }),
}

report('connected')
report(scripts[what]())
await channel.close()
