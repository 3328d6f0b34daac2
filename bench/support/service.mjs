import { client, serve } from '../../dist/index.js'

/** More than a mark has. */
const MESSAGE_BYTES_MAX = 1024

/** The two functions of `CallHandlers`, with checks of all messages. */
const CONTRACT = {
  name: 'bench.Bench',
  hash: '0000000000000000',
  methods: { call: method('unary'), items: method('serverStream') },
}

function method(kind) {
  const bytes = { parse: checkedBytes }
  return { kind, input: bytes, output: bytes, safe: false, idempotent: false }
}

function checkedBytes(value) {
  if (!(value instanceof Uint8Array)) throw new TypeError('the message is not a Uint8Array')
  if (value.length > MESSAGE_BYTES_MAX) throw new RangeError(`the message has ${value.length} bytes`)
  return value
}

/**
 * A service with a contract.
 * @param {(items: import('../baselines/baseline.js').CallHandlers['items']) => (request: Buffer) => object} streamOf the handler that streams
 * @returns {import('../baselines/baseline.js').CallBaseline}
 */
export function serviceBaseline(title, streamOf) {
  const channel = { transport: 'shm' }
  return {
    title,
    isVariant: true,

    async listen({ path }, { call, items }) {
      const handlers = { call, items: streamOf(items) }
      const service = await serve(`unix:${path}`, handlers, { contract: CONTRACT, channel })
      return { close: () => service.close() }
    },

    async connect({ path }) {
      const calls = await client(`unix:${path}`, { contract: CONTRACT, channel })
      return {
        transport: calls.$channel.transport,
        call: (message) => calls.call(message),
        async receive(request, onItem) {
          // oxlint-disable-next-line typescript/await-thenable -- the types do not know the contract
          for await (const item of calls.items(request)) onItem(item)
        },
        close: () => calls.$close(),
      }
    },
  }
}
