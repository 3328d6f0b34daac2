import type { CallOptions } from '../../service/call/call-context.js'
import type { ClientFunctions } from '../../service/client.js'
import type { CallKind } from '../../service/contract/contract.js'
import type { ProtoContract } from '../../service/proto/proto-contract.js'
import type { Invoke } from '../../service/service-calls.js'
import { SUCCESS } from './call-status.js'
import type { Route } from './gateway-calls.js'
import type { ServerCall } from './server-call.js'

/** The routes of a service: each passes its calls to a function of the client. */
export function serviceRoutes(
  { descriptor, methods }: ProtoContract,
  { functions }: ClientFunctions,
  timeoutMs: number,
): [path: string, route: Route][] {
  return descriptor.methods.map(({ name, localName }) => {
    const { kind } = methods[localName] as { readonly kind: CallKind }
    const invoke = functions.get(localName) as Invoke
    const run = (call: ServerCall): Promise<void> => passOn(call, kind, invoke)
    const guarded = { service: descriptor.typeName, method: localName }
    const streams = kind !== 'unary'
    return [`/${descriptor.typeName}/${name}`, { timeoutMs, standing: false, streams, guarded, run }]
  })
}

async function passOn(call: ServerCall, kind: CallKind, invoke: Invoke): Promise<void> {
  const streams = kind === 'clientStream' || kind === 'bidi'
  const request = streams ? call.requests : await call.requests.only()
  const options: CallOptions = {
    timeoutMs: call.remainingMs,
    signal: call.signal,
    // Without a statement, the service would take the client for this process.
    identity: call.identity ?? null,
    metadata: call.metadata,
    onHeaders: (headers) => call.sendHeaders(headers),
    onTrailers: (trailers) => {
      call.trailers = trailers
    },
  }
  if (kind === 'unary' || kind === 'clientStream') {
    await call.send((await invoke(request, options)) as Uint8Array)
  } else {
    for await (const message of invoke(request, options) as AsyncIterable<Uint8Array>) {
      const room = call.send(message)
      if (room !== undefined) await room
      if (call.ended) return
    }
  }
  call.end(SUCCESS)
}
