import { Channel } from './channel/channel.js'
import type { ChannelDependencies } from './channel/types.js'
import type { Codec } from './codec/codec.js'
import { nextTick } from './host.js'
import { createLink } from './link/create-link.js'
import { type LogDetails, log, setLogger } from './log/log.js'
import type { NativeLoad } from './native/load-binding.js'
import { type ChannelOrigin, observeChannel } from './observe/channel-totals.js'
import { channelFallback } from './observe/diagnostics-channels.js'
import type { FallbackPayload } from './observe/diagnostics-payloads.js'
import type { Settings } from './options.js'
import type { Agreement } from './wire/agreement.js'
import { Feature } from './wire/features.js'

export interface ChannelContext {
  readonly settings: Settings
  readonly codec: Codec
  readonly native: NativeLoad
  /** For snapshots. */
  readonly origin: ChannelOrigin
  /** See ChannelDependencies. */
  readonly messages: ChannelDependencies['messages']
  /** See ChannelDependencies. */
  readonly onClosed?: ChannelDependencies['onClosed']
}

/** Opens the channel of two sides that agree. Throws only errors of the codec, after it has released everything. */
export function openChannel(agreement: Agreement, context: ChannelContext): Channel {
  const { settings, codec, native, messages, onClosed, origin } = context
  const { maxMessageBytes, fallbackReason, features, connectionId } = agreement
  const { logger } = settings
  const fields = (): LogDetails => ({
    correlationId: null,
    connectionId,
    role: origin.role,
    address: origin.address === '' ? undefined : origin.address,
    transport: agreement.transport,
    peerPid: agreement.peer.pid,
    clientAddress: agreement.peer.address,
  })
  log(logger, 'channel.opened', fields)
  if (fallbackReason !== undefined)
    log(logger, 'channel.fallback', () => ({ ...fields(), reason: fallbackReason }))
  const link = createLink(agreement, settings, native)
  let ended = false
  let observed: ((error: Error | undefined) => void) | undefined
  let channel: Channel
  try {
    channel = new Channel({
      link,
      codec,
      messages,
      maxMessageBytes,
      maxDecodedBytes: settings.maxDecodedBytes,
      maxOutboxBytes: settings.maxOutboxBytes,
      fallbackReason,
      peerHasCalls: features.includes(Feature.CALLS),
      onClosed: (error) => {
        ended = true
        log(logger, 'channel.ended', () => ({ ...fields(), error }))
        observed?.(error)
        onClosed?.(error)
      },
    })
  } catch (error) {
    link.destroy()
    throw error
  }
  setLogger(channel, logger, connectionId)
  if (!ended) observed = observeChannel(channel, origin)
  if (fallbackReason !== undefined && channelFallback.hasSubscribers) {
    const payload: FallbackPayload = { channel, reason: fallbackReason }
    // In a tick: a subscriber can end the channel, which its owner must have by then.
    nextTick(() => channelFallback.publish(payload))
  }
  return channel
}
