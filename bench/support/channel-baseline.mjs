import { Channel, connect, listen } from '../../dist/index.js'

/** One record takes an eighth of the ring at most. */
const RECORDS_PER_RING = 8
const RING_BYTES_MIN = 1024 * 1024

/** Calls that this version may not have yet: a row says so instead of a figure. */
const ABSENT = {
  blocking: ['sendSync', 'receiveSync'],
  handler: ['requestSync'],
}

/**
 * shmwire itself as a competitor, with the options of a user who wants to send bytes; all else is the default.
 * @param {'shm' | 'socket'} transport
 * @param {object} own the channel's options that make it a variant; `ringBytes` may be a function of the case's options
 * @param {{ inPlace?: boolean, corked?: boolean }} way `inPlace`: messages are made where they are sent from. `corked`: short messages travel
 *   together
 * @returns {import('../baselines/baseline.js').Baseline}
 */
export function channelBaseline(title, transport, own = {}, { inPlace = false, corked = false } = {}) {
  const optionsOf = (options) => {
    const { values, ringBytes } = options
    return {
      ...(values ? {} : { codec: 'bytes' }),
      ...(ringBytes === undefined ? {} : { ringBytes }),
      transport,
      ...own,
      ...(typeof own.ringBytes === 'function' ? { ringBytes: own.ringBytes(options) } : {}),
    }
  }
  const connectionOf = (channel) =>
    inPlace ? new InPlaceConnection(channel) : new ChannelConnection(channel)
  return {
    title,
    carriesValues: true,
    ...abilities(transport),

    async listen({ path, options }, onConnection) {
      const server = await listen(`unix:${path}`, optionsOf(options))
      server.on('channel', (channel) => onConnection(connectionOf(channel)))
      return { close: () => server.close() }
    },

    async connect({ path, options }) {
      const channel = await connect(`unix:${path}`, optionsOf(options))
      if (corked) channel.cork()
      return connectionOf(channel)
    },
  }
}

/** The ring in which every message of the case is one record: only such a message can be read in place. */
export function ringOfWholeMessages({ messageBytes }) {
  return Math.max(RING_BYTES_MIN, 2 ** Math.ceil(Math.log2(messageBytes * 2 * RECORDS_PER_RING)))
}

function abilities(transport) {
  const offers = []
  const lacks = {}
  for (const [ability, calls] of Object.entries(ABSENT)) {
    const isThere = calls.every((call) => typeof Channel.prototype[call] === 'function')
    if (transport === 'socket')
      lacks[ability] = 'only the shared-memory link can wait outside of the event loop'
    else if (isThere) offers.push(ability)
    else lacks[ability] = `not in this version: ${calls.join(', ')}`
  }
  return { offers, lacks }
}

class ChannelConnection {
  onMessage = () => {}
  onDrain = () => {}
  onClose = () => {}
  channel

  constructor(channel) {
    this.channel = channel
    this.transport = channel.transport
    channel.on('message', (message) => this.onMessage(message))
    channel.on('drain', () => this.onDrain())
    channel.on('close', () => this.onClose())
  }

  trySend(message) {
    return this.channel.trySend(message)
  }

  holdMessages() {
    this.channel.removeAllListeners('message')
  }

  sendSync(message, timeoutMs) {
    this.channel.sendSync(message, timeoutMs)
  }

  receiveSync(timeoutMs) {
    return this.channel.receiveSync(timeoutMs)
  }

  requestSync(message, timeoutMs) {
    return this.channel.requestSync(message, timeoutMs)
  }

  handle(handler) {
    this.channel.handle(handler)
  }

  close() {
    return this.channel.close()
  }
}

class InPlaceConnection extends ChannelConnection {
  tryFill(byteLength, fill) {
    const claim = this.channel.claim(byteLength)
    if (claim === null) return false
    fill(claim.bytes)
    claim.commit()
    return true
  }
}
