import { askServer, callHandlers, itemsFor, proveItems } from '../support/calls.mjs'
import { CpuClock, currentCore, figuresOf } from '../support/figures.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Server stream, 64 B',
  question:
    'How many messages of one stream arrive in a second? A handler sends them as fast as the receiver takes them: a plain generator, without promises where the library allows it, or an async one. The ratio compares with gRPC.',
  headline: { name: 'items', unit: 'per second', of: ({ messagesPerSecond }) => messagesPerSecond },
  options: { messageBytes: 64 },
  competitors: ['shmwire-service', 'shmwire-service-async', 'grpc-calls', 'connect-rpc'],
  reference: 'grpc-calls',
  forms: { smoke: true },
  handlers: callHandlers,

  async measure(caller, { messageBytes, warmUpMs, durationMs }) {
    await askServer(caller, 'begin')
    await itemsFor(caller, messageBytes, warmUpMs)
    await proveItems(caller)
    await askServer(caller, 'begin')
    const cpu = new CpuClock()
    const { messages, seconds } = await itemsFor(caller, messageBytes, durationMs)
    const clientSeconds = cpu.seconds()
    const server = await askServer(caller, 'end')
    if (server.messages !== messages)
      throw new Error(`the server sent ${server.messages} items, and ${messages} arrived`)
    return figuresOf({
      messages,
      messageBytes,
      seconds,
      cpuSeconds: { client: clientSeconds, server: server.cpuSeconds },
      cores: { client: currentCore(), server: server.core },
    })
  },
}
