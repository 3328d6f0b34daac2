import { AnswerConnection, CallConnection } from './call-connection.mjs'
import { loadPackage } from './packages.mjs'

/**
 * birpc. Each message is the argument of a call, as base64, which every transport carries alike; its reply is the result.
 * @param {object} way
 * @param {(onTransport: (transport: object, transportName: string, onEnd: (onClose: () => void) => void) => void, address: object) => Promise<() => Promise<void>>} way.listen
 * @param {(address: object) => Promise<{ transport: object, name: string, close: () => Promise<void> }>} way.connect
 * @returns {import('../baselines/baseline.js').Baseline}
 */
export function birpcBaseline(title, { startsServer = false, listen, connect }) {
  return {
    title,
    isVariant: true,
    startsServer,
    packages: ['birpc'],

    async listen(address, onConnection) {
      const { createBirpc } = loadPackage('birpc')
      const close = await listen((transport, name, onEnd) => {
        const connection = new AnswerConnection(name)
        const exchange = (text) => connection.answer(Buffer.from(text, 'base64'))?.base64Slice()
        createBirpc({ exchange }, transport)
        onEnd(() => connection.onClose())
        onConnection(connection)
      }, address)
      return { close }
    },

    async connect(address) {
      const { createBirpc } = loadPackage('birpc')
      const { transport, name, close } = await connect(address)
      const rpc = createBirpc({}, transport)
      const call = (message, onReply, onError) => {
        rpc.exchange(message.base64Slice()).then((text) => onReply(Buffer.from(text, 'base64')), onError)
      }
      return new CallConnection(name, call, close)
    },
  }
}
