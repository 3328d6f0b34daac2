import { misuse } from '../../options.js'

interface LocalOptions {
  readonly name?: unknown
  readonly policy?: unknown
  readonly identify?: unknown
  readonly channel?: unknown
}

/**
 * Throws `INVALID_ARGUMENT` for options that only apply on this machine. A policy that the engine ignores would leave a queue open: the
 * servers decide who may use it.
 */
export function assertEngineOptions(options: LocalOptions): void {
  const { name, policy, identify, channel } = options
  if (policy !== undefined || identify !== undefined)
    throw misuse(
      'policy and identify do not apply with an engine; set the permissions of users in the configuration of the NATS servers',
    )
  if (channel !== undefined)
    throw misuse('channel does not apply with an engine; pass the options of the connection to jetStream')
  if (name !== undefined && name !== '')
    throw misuse('name does not apply with an engine; the first argument is the whole name')
}
