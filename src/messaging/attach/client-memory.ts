import { parseAddress } from '../../address.js'
import { handoverPath } from '../../control/server-files.js'
import type { KeepConnectedOptions } from '../../keep-connected.js'
import { loadForChannels } from '../../load-for-channels.js'
import type { NativeBinding } from '../../native/binding.js'
import { memoryFault } from '../../native/load-binding.js'
import type { ClientTarget } from '../../service/client-connection.js'

/** How a client can read the memory of a topic or a cell, or the reason why it cannot, as a sentence. */
export type ClientMemory = AvailableMemory | { readonly obstacle: string }

export interface AvailableMemory {
  readonly binding: NativeBinding
  /** Of the server. */
  readonly handoverPath: string
  readonly obstacle?: undefined
}

/** The target is that of a client; an invalid address has been reported before. */
export async function clientMemory(
  target: ClientTarget,
  { transport = 'auto' }: KeepConnectedOptions = {},
): Promise<ClientMemory> {
  if (transport === 'socket') return { obstacle: "the client has the option transport: 'socket'" }
  if (typeof target !== 'string')
    return { obstacle: 'the client has a channel instead of an address, which leads to the memory' }
  const address = parseAddress(target)
  if (address.kind !== 'unix') return { obstacle: `over '${address.kind}', the two sides share no memory` }
  const native = await loadForChannels({ transport })
  const fault = memoryFault(native)
  if (fault !== undefined || !('binding' in native))
    return { obstacle: `the client has no shared memory: ${fault ?? 'there is no addon'}` }
  return { binding: native.binding, handoverPath: handoverPath(address.path) }
}
