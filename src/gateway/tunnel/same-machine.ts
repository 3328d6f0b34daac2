import { fromName } from '../../address/unix-address.js'
import type { Channel } from '../../channel/channel.js'
import { connectUntraced } from '../../connect.js'
import { observeServer } from '../../control/observe-server.js'
import { checkServerPlace } from '../../control/runtime-directory.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { loadBinding } from '../../native/load-binding.js'
import type { ChannelOptions, Settings, WaitOptions } from '../../options.js'
import { textOfThrown } from '../../uncaught.js'

export interface SameMachineOptions {
  /** Of the server that the tunnel reaches. */
  readonly instanceId: string
  /** The options of the user, without those of the tunnel. */
  readonly options: ChannelOptions & WaitOptions
  readonly settings: Settings
  readonly timeoutMs: number
}

/**
 * Connects to the server `name` of this machine, if it is the one that the tunnel reaches. Otherwise resolves to the reason. Rejects with
 * `ABORTED`, `TIMEOUT`.
 */
export async function connectOnSameMachine(
  name: string,
  { instanceId, options, settings, timeoutMs }: SameMachineOptions,
): Promise<Channel | string> {
  const { signal } = options
  try {
    const address = fromName(name)
    checkServerPlace(address)
    const observation = await observeServer(address.path, {
      settings,
      native: loadBinding(),
      signal,
      timeoutMs,
    })
    observation.end()
    if (observation.description.id !== instanceId)
      return `the server ${name} of this program's runtime directory is another one than that of the gateway`
    return await connectUntraced(name, { ...options, timeoutMs })
  } catch (error) {
    const code = error instanceof ShmwireError ? error.code : undefined
    if (code === ErrorCode.ABORTED) throw error
    return `the server ${name} is on this machine, but cannot be reached directly: ${textOfThrown(error)}`
  }
}
