import {
  type CallStream,
  type Channel,
  connect,
  contract,
  type DiagnosticsPayloads,
  type Handlers,
  jsonSchema,
  keepConnected,
  listen,
  type RequestContext,
  type Server,
  type ServiceClient,
  type StandardSchema,
  serverStream,
  unary,
} from 'shmwire'
import { createChannelPair } from 'shmwire/testing'

interface Tick {
  readonly symbol: string
  readonly price: number
}

interface Order {
  readonly symbol: string
  readonly count: number
}

type Equal<Left, Right> =
  (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false

/** Compiles only if the value has exactly the type `Expected`. */
function expectType<Expected>() {
  return <Actual,>(_value: Actual, _isEqual: Equal<Actual, Expected>): void => {}
}

declare const tick: Tick
declare const order: Order

/** The client receives ticks and sends orders. */
export async function typedClient(): Promise<void> {
  const channel = await connect<Tick, Order>('prices')
  expectType<Channel<Tick, Order>>()(channel, true)
  expectType<Tick>()(channel.receiveSync(), true)
  expectType<boolean>()(channel.trySend(order), true)
  // @ts-expect-error -- a tick is not an order
  channel.trySend(tick)
  // @ts-expect-error -- nor for send, sendSync and request
  await channel.send(tick)
  // @ts-expect-error -- as above
  channel.sendSync(tick)
  // @ts-expect-error -- as above
  await channel.request(tick)
  expectType<number>()(await channel.request<number>(order), true)
  expectType<number>()(channel.requestSync<number>(order), true)
  channel.on('message', (message) => expectType<Tick>()(message, true))
  channel.on('messages', (batch) => expectType<Tick[]>()(batch, true))
  channel.on('close', (error) => expectType<Error | undefined>()(error, true))
  channel.handle((message, context) => {
    expectType<Tick>()(message, true)
    expectType<RequestContext<Tick, Order>>()(context, true)
    return context.channel.trySend(order)
  })
  // The type of the requests alone.
  channel.handle<{ readonly question: string }>(({ question }) => question.length)
  for await (const message of channel) expectType<Tick>()(message, true)
}

/** The server sees the other direction. */
export async function typedServer(): Promise<void> {
  const server = await listen<Order, Tick>('prices')
  expectType<Server<Order, Tick>>()(server, true)
  server.on('channel', (channel) => expectType<Channel<Order, Tick>>()(channel, true))
  for (const channel of server.channels) channel.trySend(tick)
  for await (const channel of server) expectType<Channel<Order, Tick>>()(channel, true)
}

export function typedConnector(): void {
  const connector = keepConnected<Tick, Order>('prices')
  expectType<Channel<Tick, Order> | undefined>()(connector.channel, true)
  connector.on('channel', (channel) => channel.on('message', (message) => expectType<Tick>()(message, true)))
}

/** The second channel of a pair has the reverse types. */
export function typedPair(): void {
  const [client, server] = createChannelPair<Tick, Order>()
  expectType<Channel<Tick, Order>>()(client, true)
  expectType<Channel<Order, Tick>>()(server, true)
}

/** Without types, everything is `any`, and a typed channel is a `Channel`. */
export async function untyped(): Promise<void> {
  const channel: Channel = await connect<Tick, Order>('prices')
  channel.trySend('anything')
  // biome-ignore lint/suspicious/noExplicitAny: the type of an untyped reply
  expectType<any>()(await channel.request('anything'), true)
}

declare const orderText: StandardSchema<string, Order>

export const Prices = contract('prices.PriceService', {
  getTick: unary({ input: orderText, output: jsonSchema<Tick>({ type: 'object' }) }),
  watch: serverStream({ output: orderText }),
})

/** Handlers get the result of a schema; callers pass what it accepts. */
export const handlers: Handlers<typeof Prices> = {
  getTick(request) {
    expectType<Order>()(request, true)
    return Promise.resolve(tick)
  },
  async *watch(request, { signal }) {
    expectType<undefined>()(request, true)
    if (!signal.aborted) yield 'an order as text'
  },
}

export async function typedService(client: ServiceClient<typeof Prices>): Promise<void> {
  expectType<Tick>()(await client.getTick('an order as text', { timeoutMs: 1000 }), true)
  expectType<CallStream<string>>()(client.watch(), true)
  // @ts-expect-error -- the schema accepts a text
  await client.getTick(order)
  // @ts-expect-error -- a method of another name
  client.watchAll()
}

interface Plain {
  getTick(order: Order): Promise<Tick>
  upload(ticks: AsyncIterable<Tick>): Promise<number>
}

async function* ticks(): AsyncGenerator<Tick> {
  yield tick
}

export async function typedWithoutContract(client: ServiceClient<Plain>): Promise<void> {
  expectType<Tick>()(await client.getTick(order), true)
  expectType<number>()(await client.upload(ticks()), true)
  // @ts-expect-error -- without a contract, an array is one message
  await client.upload([tick])
}

/** A subscriber of the diagnostics channels gets the type of its payload by the name of the channel. */
export function typedDiagnostics(payloads: DiagnosticsPayloads): void {
  expectType<Channel>()(payloads['shmwire:channel.send'].channel, true)
  expectType<number>()(payloads['shmwire:channel.receive'].byteLength, true)
  const { metadata, error } = payloads['shmwire:client.call']
  metadata.set('traceparent', 'x')
  expectType<unknown>()(error, true)
  payloads['shmwire:queue.push'].headers.traceparent = 'x'
  // @ts-expect-error -- the message is sent already
  payloads['shmwire:topic.receive'].headers.traceparent = 'x'
  expectType<'rest' | 'grpc'>()(payloads['shmwire:gateway.request'].gateway, true)
}
