// A client of @grpc/grpc-js with the functions of a client of shmwire, so that another stack judges the gateway.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { Client, status as Code, credentials, Metadata } from '@grpc/grpc-js'

const STATUS_NAMES = Object.fromEntries(Object.entries(Code).map(([name, code]) => [code, name]))
/** The default is between a second and two minutes. */
const OPTIONS = { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 500 }

/** The functions take a request and `{ metadata, signal, timeoutMs }`. */
export function grpcJsClient(contract, address) {
  const client = new Client(address, credentials.createInsecure(), OPTIONS)
  const { descriptor } = contract
  return Object.fromEntries(
    descriptor.methods.map((method) => [
      method.localName,
      CALL[method.methodKind](client, definition(method)),
    ]),
  )
}

/** The part of an error that is compared. */
export function errorOfGrpcJs(error) {
  if (typeof error.code !== 'number') throw error
  return { status: STATUS_NAMES[error.code], text: error.details }
}

function definition({ parent, name, input, output }) {
  return [
    `/${parent.typeName}/${name}`,
    (message) => Buffer.from(toBinary(input, create(input, message))),
    (bytes) => fromBinary(output, bytes),
  ]
}

const CALL = {
  unary: (client, method) => (request, options) =>
    new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest(
        ...method,
        request,
        ...argumentsOf(options),
        settle(resolve, reject),
      )
      cancelWith(call, options)
    }),

  server_streaming: (client, method) => (request, options) =>
    received(client.makeServerStreamRequest(...method, request, ...argumentsOf(options)), options),

  client_streaming: (client, method) => (messages, options) =>
    new Promise((resolve, reject) => {
      const call = client.makeClientStreamRequest(...method, ...argumentsOf(options), settle(resolve, reject))
      cancelWith(call, options)
      void send(call, messages)
    }),

  bidi_streaming: (client, method) => (messages, options) => {
    const call = client.makeBidiStreamRequest(...method, ...argumentsOf(options))
    void send(call, messages)
    return received(call, options)
  },
}

function argumentsOf({ metadata, timeoutMs }) {
  const headers = new Metadata()
  for (const [name, value] of Object.entries(metadata)) headers.set(name, value)
  return [headers, { deadline: timeoutMs === Number.POSITIVE_INFINITY ? timeoutMs : Date.now() + timeoutMs }]
}

function settle(resolve, reject) {
  return (error, message) => (error === null ? resolve(message) : reject(error))
}

function cancelWith(call, { signal }) {
  const cancel = () => call.cancel()
  signal.addEventListener('abort', cancel)
  call.once('status', () => signal.removeEventListener('abort', cancel))
}

async function* received(call, options) {
  cancelWith(call, options)
  yield* call
}

/** Sends the messages until the call ends. */
async function send(call, messages) {
  let ended = false
  let wake = () => {}
  call.once('status', () => {
    ended = true
    wake()
  })
  call.on('drain', () => wake())
  for await (const message of messages) {
    if (ended) break
    if (!call.write(message) && !ended)
      await new Promise((resolve) => {
        wake = resolve
      })
  }
  if (!ended) call.end()
}
