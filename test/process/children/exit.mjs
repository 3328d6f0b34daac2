// One way to end, or not to end, a process that holds a channel.
//   exit.mjs <case> <address> <transport> [wait]
import { connect, listen } from '../../../dist/index.js'

const [what, address, transport, wait = 'adaptive'] = process.argv.slice(2)
const report = (value) => console.log(JSON.stringify(value))

const cases = {
  async open() {
    await usedChannel()
    report('open')
  },

  async closed() {
    const channel = await usedChannel()
    await channel.close()
    report('closed')
  },

  async destroyed() {
    const channel = await usedChannel()
    channel.destroy()
    report('destroyed')
  },

  async unref() {
    const channel = await usedChannel()
    channel.unref()
    report('unref')
  },

  async 'unref and ref'() {
    const channel = await usedChannel()
    channel.unref().ref()
    report('open')
  },

  // A timer keeps the process alive; the channel, unreferenced, still works until it fires.
  async 'unref but in use'() {
    const channel = await usedChannel()
    channel.unref()
    const timer = setInterval(() => {}, 1_000)
    for (let count = 0; count < 100; count += 1) await channel.request(count)
    clearInterval(timer)
    report('used')
  },

  async server() {
    await listen(`${address}-own`, { transport })
    report('open')
  },

  async 'server unref'() {
    const server = await listen(`${address}-own`, { transport })
    server.unref()
    report('unref')
  },

  async 'server closed'() {
    const server = await listen(`${address}-own`, { transport })
    await server.close()
    report('closed')
  },

  async 'exit in a listener'() {
    const channel = await usedChannel()
    channel.on('message', () => {
      channel.trySend('last words')
      process.exit(7)
    })
    await channel.send('echo')
  },

  async 'exit in a handler'() {
    const channel = await usedChannel()
    channel.handle(() => process.exit(7))
    await channel.send('ask me')
  },

  async 'throw in a listener'() {
    const channel = await usedChannel()
    channel.on('message', () => {
      throw new RangeError('the listener is at its end')
    })
    await channel.send('echo')
  },

  async 'throw after sending'() {
    const channel = await usedChannel()
    channel.on('message', () => {
      for (let number = 0; number < 100; number += 1) channel.trySend(`${number} of the last words`)
      throw new RangeError('the listener is at its end')
    })
    await channel.send('echo')
  },

  async 'exit after sends'() {
    const channel = await usedChannel()
    for (let number = 0; number < 1_000; number += 1) await channel.send(number)
    process.exit(7)
  },

  // The server reads nothing.
  async 'unref with waiting sends'() {
    const channel = await connect(`${address}-deaf`, { transport, wait, codec: 'bytes' })
    channel.unref()
    for (let count = 0; count < 500; count += 1) channel.send(Buffer.alloc(8_192)).catch(() => {})
  },

  // The peer sends a message, which no listener takes, and closes.
  async 'close with a held message'() {
    const channel = await usedChannel()
    channel.on('close', () => report('closed'))
    await channel.send('one message and the end')
  },

  // The request is never answered, so the close waits.
  async 'terminated while it closes'() {
    const channel = await usedChannel()
    void channel.request('never')
    channel.trySend('last words')
    void channel.close()
    report('closing')
  },

  async 'throw in a handler'() {
    const channel = await usedChannel()
    channel.handle(() => {
      throw new RangeError('the handler is at its end')
    })
    await channel.send('ask me')
    channel.once('message', async (code) => {
      report(code)
      await channel.close()
    })
  },

  // Measures the CPU time of an idle channel after it was busy.
  async idle() {
    const channel = await usedChannel()
    for (let count = 0; count < 2_000; count += 1) await channel.request(count)
    await new Promise((resolve) => setTimeout(resolve, 500))
    const [cpu, usage, stats] = [process.cpuUsage(), process.resourceUsage(), channel.stats()]
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const spent = process.cpuUsage(cpu)
    report({
      cpuMicros: spent.user + spent.system,
      switches: process.resourceUsage().voluntaryContextSwitches - usage.voluntaryContextSwitches,
      spins: channel.stats().spins - stats.spins,
      wakes: channel.stats().wakesReceived - stats.wakesReceived,
      busySpins: stats.spins,
    })
    await channel.close()
  },
}

await cases[what]()

/** A channel that has been in use in both directions. */
async function usedChannel() {
  const channel = await connect(address, { transport, wait })
  for (let count = 0; count < 10; count += 1) await channel.request(count)
  return channel
}
