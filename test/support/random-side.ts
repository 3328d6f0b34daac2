import type { Channel, RequestHandler } from '../../src/channel/channel.js'
import type { Claim } from '../../src/channel/claims.js'
import type { WaitOptions } from '../../src/options.js'
import { integerFrom } from './random.js'
import { fillClaim, numberOf, type RoundCodec, randomMessage, readRandomMessage } from './random-messages.js'
import type { Round } from './random-round.js'
import { turns } from './turns.js'

type Listener = (value?: unknown) => void

/** Weights of the actions in a round. */
export interface Style {
  readonly codec: RoundCodec
  /** The share of long messages. */
  readonly longs: number
  /** The weight of blocking calls, if the transport has them. */
  readonly blocking: number
}

const BYTES_LONG = 70_000
const FIRST_EVENTS = ['message', 'messages', 'drain', 'close', 'error'] as const
const EVENTS = [...FIRST_EVENTS, 'message', 'newListener', 'removeListener'] as const

/** One end of a channel that acts at random, also inside callbacks, and checks what it receives. */
export class RandomSide {
  readonly channel: Channel
  readonly name: string
  /** The errors of all `close` events. */
  readonly closes: (Error | undefined)[] = []
  /** Numbers of the messages that must arrive unless a channel is destroyed. */
  readonly promised: number[] = []
  /** Numbers of the received messages, with their consumers. */
  readonly got = new Map<number, string>()
  bytesSent = 0
  other!: RandomSide
  readonly #round: Round
  readonly #style: Style
  /** The last assigned number. */
  #last = 0
  /** The last number that a blocking call returned. */
  #lastSync = 0
  #claim: Claim | undefined
  readonly #listeners: [string, Listener][] = []
  readonly #actions: (readonly [string, () => void])[]

  constructor(name: string, channel: Channel, round: Round, style: Style) {
    this.name = name
    this.channel = channel
    this.#round = round
    this.#style = style
    this.#actions = this.#weigh()
    // Not with a listener, because others may throw before it.
    const emit = channel.emit.bind(channel) as (event: unknown, ...values: unknown[]) => boolean
    channel.emit = (event, ...values: unknown[]) => {
      if (event === 'close') this.closes.push(values[0] as Error | undefined)
      return emit(event, ...values)
    }
    for (const event of FIRST_EVENTS) this.#listen(event, 'on')
    channel.handle(this.#handler('first'))
  }

  act(where: string): void {
    const [name, action] = this.#round.pick(this.#actions)
    this.#round.act(`${this.name}.${name}`, where, action)
  }

  /** Stops the actions and takes all messages. */
  rest(): void {
    this.#claim?.abort()
    this.channel.on('message', this.#receiver('listener'))
  }

  /** Takes all held messages. */
  async takeRest(): Promise<void> {
    const receive = this.#receiver('loop')
    for await (const message of this.channel) receive(message)
  }

  #weigh(): (readonly [string, () => void])[] {
    const { channel } = this
    const round = this.#round
    const weighted: [number, string, () => void][] = [
      [10, 'trySend', () => this.#send((message) => channel.trySend(message))],
      [6, 'send', () => this.#sendLater()],
      [8, 'request', () => this.#ask()],
      [2, 'handle', () => channel.handle(round.chance(0.2) ? undefined : this.#handler('handler'))],
      [4, 'on', () => this.#listen(round.pick(EVENTS), round.pick(['on', 'once', 'prependListener']))],
      [3, 'off', () => this.#unlisten()],
      [1, 'removeAllListeners', () => this.#removeListeners()],
      [2, 'loop', () => round.track(`${this.name}.loop`, this.#loop())],
      [0.4, 'close', () => round.track(`${this.name}.close`, this.#close())],
      [0.3, 'destroy', () => this.destroy()],
      [2, 'cork', () => channel.cork()],
      [2, 'uncork', () => channel.uncork()],
      [1, 'stats', () => channel.stats()],
      [1, 'ref', () => (round.chance(0.5) ? channel.ref() : channel.unref())],
    ]
    if (this.#style.codec === 'bytes')
      weighted.push([3, 'claim', () => this.#open()], [4, 'commit or abort', () => this.#fill()])
    const ms = () => integerFrom(round.random, 0, 1)
    const much = this.#style.blocking
    const block = (call: () => void) => round.mayBlock && call()
    if (channel.transport === 'shm')
      weighted.push(
        [3 * much, 'receiveSync', () => block(() => this.#receiver('sync')(channel.receiveSync(ms())))],
        [
          2 * much,
          'sendSync',
          () => block(() => this.#send((message) => channel.sendSync(message, ms()) === undefined)),
        ],
        [2 * much, 'requestSync', () => block(() => this.#askSync(ms()))],
      )
    return weighted.flatMap(([weight, name, action]) =>
      Array.from({ length: weight * 10 }, () => [name, action] as const),
    )
  }

  destroy(): void {
    this.#round.destroyed = true
    this.channel.destroy(this.#round.chance(0.3) ? this.#round.planned('destroy') : undefined)
  }

  /** Acts inside the user's own codec. */
  codes(where: 'encode' | 'decode'): void {
    // A blocking call inside decode would receive later messages first.
    const round = this.#round
    const { mayBlock } = round
    round.mayBlock = mayBlock && where === 'encode'
    try {
      this.#called(where, where === 'encode' ? 'to a caller' : undefined)
    } finally {
      round.mayBlock = mayBlock
    }
  }

  /** Acts inside a callback, and may throw. */
  #called(where: string, thrown: 'uncaught' | 'to a caller' | undefined): void {
    const round = this.#round
    while (round.chance(0.3)) (round.chance(0.8) ? this : this.other).act(`${this.name} ${where}`)
    if (thrown === undefined || !round.chance(0.1)) return
    if (thrown === 'uncaught') round.throwUncaught(`${this.name} ${where}`)
    throw round.planned(`${this.name} ${where}`)
  }

  #message(): unknown {
    const length = this.#length()
    this.bytesSent += length
    const called = () => this.#called('accessor', 'to a caller')
    return randomMessage(this.#style.codec, length, () => this.#next(), called)
  }

  #length(): number {
    const round = this.#round
    return round.chance(this.#style.longs) ? integerFrom(round.random, 0, BYTES_LONG) : 20
  }

  #next(): number {
    this.#last += 1
    return this.#last
  }

  #send(send: (message: unknown) => boolean): void {
    const message = this.#message()
    if (send(message)) this.promised.push(numberOf(message))
  }

  #sendLater(): void {
    const message = this.#message()
    this.#round.track(`${this.name}.send`, this.channel.send(message, this.#wait()), () =>
      this.promised.push(numberOf(message)),
    )
  }

  #ask(): void {
    const message = this.#message()
    const asked = this.channel.request(message, this.#wait())
    this.#round.track(`${this.name}.request`, asked, (reply) => this.#expectReply(message, reply))
  }

  #askSync(ms: number): void {
    const message = this.#message()
    this.#expectReply(message, this.channel.requestSync(message, ms))
  }

  #expectReply(message: unknown, reply: unknown): void {
    const [asked, answered] = [numberOf(message), this.#read(reply)]
    this.#round.expect(asked === answered, `${this.name}: the reply to ${asked} is ${answered}`)
  }

  #wait(): WaitOptions | undefined {
    const round = this.#round
    if (round.chance(0.6)) return undefined
    if (round.chance(0.5)) return { timeoutMs: integerFrom(round.random, 0, 2) }
    const controller = new AbortController()
    if (round.chance(0.2)) controller.abort()
    else if (round.chance(0.5)) setImmediate(() => controller.abort())
    else setTimeout(() => controller.abort(), 1)
    return { signal: controller.signal }
  }

  #handler(name: string): RequestHandler {
    const round = this.#round
    return (message: unknown, { signal }) => {
      const n = this.#read(message)
      const reply = () => this.#replyTo(n)
      if (round.chance(0.3)) signal.addEventListener('abort', () => this.#called('abort', 'uncaught'))
      this.#called(name, 'to a caller')
      if (!round.chance(0.5)) return reply()
      return (async () => {
        await turns(integerFrom(round.random, 0, 3))
        this.#called(`${name}, later`, 'to a caller')
        return reply()
      })()
    }
  }

  #replyTo(n: number): unknown {
    const called = () => this.#called('accessor of a reply', 'to a caller')
    return randomMessage(this.#style.codec, 20, () => n, called)
  }

  #listen(event: string, how: 'on' | 'once' | 'prependListener'): void {
    const receive = this.#receiver('listener', event)
    const listener: Listener = (value: unknown) => {
      if (event === 'message') receive(value)
      if (event === 'messages') for (const message of value as unknown[]) receive(message)
      this.#called(`listener of ${event}`, event.endsWith('Listener') ? undefined : 'uncaught')
    }
    this.#listeners.push([event, listener])
    // The pair's own `close` listener comes first. Node fails if all `removeListener` listeners are removed and one was `once`.
    const safe = event === 'close' || event.endsWith('Listener') ? 'on' : how
    this.channel[safe](event as 'close', listener)
  }

  #unlisten(): void {
    const [entry] = this.#listeners.splice(integerFrom(this.#round.random, 0, this.#listeners.length - 1), 1)
    if (entry !== undefined) this.channel.off(entry[0] as 'close', entry[1])
  }

  /** Keeps `close` listeners: one of them ends the server of the pair. */
  #removeListeners(): void {
    const event = this.#round.pick(['message', 'messages', 'drain', 'error', 'newListener', 'removeListener'])
    this.channel.removeAllListeners(event)
  }

  /** Checks the messages of one consumer, which come in order. */
  #receiver(consumer: 'listener' | 'loop' | 'sync', event = 'message'): (message: unknown) => void {
    let last = consumer === 'sync' ? this.#lastSync : 0
    return (message) => {
      const n = this.#read(message)
      const before = this.got.get(n)
      const fits = before === undefined || (before === 'listener' && consumer === 'listener')
      this.#round.expect(fits, `${this.name}: ${consumer} got ${n} after ${before}`)
      this.#round.expect(n > last, `${this.name}: ${consumer} of ${event} got ${n} after ${last}`)
      last = n
      if (consumer === 'sync') this.#lastSync = n
      this.got.set(n, consumer)
    }
  }

  /** The number of a received message. */
  #read(message: unknown): number {
    const { n, whole } = readRandomMessage(this.#style.codec, message)
    this.#round.expect(whole, `${this.name}: message ${n} is garbled`)
    return n
  }

  async #loop(): Promise<void> {
    const round = this.#round
    const count = integerFrom(round.random, 1, 4)
    const receive = this.#receiver('loop')
    let taken = 0
    for await (const message of this.channel) {
      receive(message)
      this.#called('loop', 'to a caller')
      taken += 1
      if (taken === count) break
      if (round.chance(0.3)) await turns(1)
    }
  }

  async #close(): Promise<void> {
    const wait = this.#wait()
    try {
      await this.channel.close(wait)
    } catch (error) {
      this.#round.destroyed = true
      throw error
    }
  }

  #open(): void {
    const claim = this.channel.claim(this.#length() + 4)
    if (claim === null) return
    fillClaim(claim.bytes, this.#next())
    this.#claim = claim
  }

  #fill(): void {
    const open = this.#claim
    this.#claim = undefined
    if (this.#round.chance(0.7)) open?.commit()
    else open?.abort()
  }
}
