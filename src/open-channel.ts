import { Channel } from './channel/channel.js'
import type { ChannelParts } from './channel/parts.js'
import type { Codec } from './codec/codec.js'
import type { Agreement } from './control/handshake.js'
import { createLink } from './link/create-link.js'
import type { NativeLoad } from './native/load-binding.js'
import type { Settings } from './options.js'

export interface ChannelContext {
  readonly settings: Settings
  readonly codec: Codec
  readonly native: NativeLoad
  /** See ChannelParts. */
  readonly onClosed?: ChannelParts['onClosed']
}

/** The channel of two sides that have agreed. What it throws is the codec's; then everything has been given back. */
export function openChannel(agreement: Agreement, context: ChannelContext): Channel {
  const { settings, codec, native, onClosed } = context
  const link = createLink(agreement, settings, native)
  try {
    return new Channel({
      link,
      codec,
      maxMessageBytes: agreement.maxMessageBytes,
      maxDecodedBytes: settings.maxDecodedBytes,
      fallbackReason: agreement.fallbackReason,
      onClosed,
    })
  } catch (error) {
    link.destroy()
    throw error
  }
}
