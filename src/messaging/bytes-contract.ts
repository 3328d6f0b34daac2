import { types } from 'node:util'
import type { MessageType } from '../schema/message-type.js'
import type { CallKind, Contract } from '../service/contract/contract.js'
import { ServiceContract } from '../service/contract/service-contract.js'
import { invalidMessage } from '../service-error.js'

/** Messages of bytes, which cross unchanged with every codec of the channel. */
export const bytesMessage: MessageType<Uint8Array, Buffer> = {
  empty: false,
  parse: (value) => {
    if (types.isUint8Array(value)) return value
    throw invalidMessage('the message', [{ field: '', description: 'must be a Uint8Array' }])
  },
  binary: {
    encode: (value) => value as Uint8Array,
    // The bytes that arrive are valid for this turn only.
    decode: (bytes) => Buffer.from(bytes),
  },
  description: () => ({ format: 'bytes' }),
}

/** The contract of a service whose messages are bytes. */
export function bytesContract(name: string, kinds: Readonly<Record<string, CallKind>>): Contract {
  const methods = Object.entries(kinds).map(([method, kind]) => [
    method,
    { kind, input: bytesMessage, output: bytesMessage, safe: false, idempotent: false, http: [] },
  ])
  return new ServiceContract(name, Object.fromEntries(methods))
}
