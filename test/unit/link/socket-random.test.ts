import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import type { LinkSink } from '../../../src/link/link.js'
import type { SocketLink } from '../../../src/link/socket/socket-link.js'
import { RecordKind } from '../../../src/wire/record-kind.js'
import { integerFrom, randomFrom } from '../../support/random.js'
import { socketLink } from '../../support/socket-ends.js'
import { socketPair } from '../../support/socket-pair.js'
import { turn } from '../../support/turns.js'

const MESSAGE_BYTES_MAX = 1024 * 1024
const RECORDS = 300
const LINKS = 3

/** Lengths around the limits of the writer and the parser, and any other. */
const LENGTHS = [
  0, 1, 52, 4_084, 4_096, 8_192, 16_371, 16_372, 16_383, 16_384, 65_523, 65_524, 65_536, 65_537, 300_000,
]

function randomOf(seed: number): (below: number) => number {
  const random = randomFrom(seed)
  return (below) => integerFrom(random, 0, below - 1)
}

/** Payloads are parts of it, which differ by their place. */
const noise = Buffer.alloc(1024 * 1024)
for (let index = 0, random = randomOf(1); index < noise.length; index += 4)
  noise.writeUInt32LE(random(2 ** 32), index)

const digestOf = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('base64')

class Side implements LinkSink {
  readonly link: SocketLink
  readonly socket: Socket
  readonly received: { id: number; payload: Buffer }[] = []
  readonly sent: string[] = []
  readonly flushed: number[] = []
  readonly ends: (string | undefined)[] = []
  /** The rest of a record that had no room. */
  #rest: { payload: Buffer; id: number; offset: number } | undefined
  readonly #random: (below: number) => number
  paused = false

  constructor(socket: Socket, random: (below: number) => number) {
    this.socket = socket
    this.#random = random
    this.link = socketLink(socket, { maxMessageBytes: MESSAGE_BYTES_MAX, capacityBytes: 128 * 1024 })
    this.link.start(this)
  }

  record(_kind: number, id: number, payload: Buffer): boolean {
    this.received.push({ id, payload })
    if (this.#random(20) > 0) return true
    this.paused = true
    return false
  }

  drain(): void {}

  close(error?: { code: string }): void {
    this.ends.push(error?.code)
  }

  get receivedDigests(): string[] {
    return this.received.map(({ payload }) => digestOf(payload))
  }

  get hasFlushed(): boolean {
    return this.flushed.every((value, index) => value === index)
  }

  get isDone(): boolean {
    return this.#rest === undefined && this.sent.length === RECORDS
  }

  step(): void {
    const random = this.#random
    if (this.paused && random(3) === 0) {
      this.paused = false
      this.link.resume()
    }
    if (random(15) === 0) this.link.ref()
    if (random(15) === 0) this.link.unref()
    for (let count = random(12); count > 0 && !this.isDone; count -= 1) this.#send()
  }

  #send(): void {
    const random = this.#random
    this.#rest ??= this.#fresh()
    const rest = this.#rest
    const end = this.link.write(RecordKind.MESSAGE, rest.id, rest.payload, rest.offset)
    if (end < 0) return
    // The caller may reuse the memory at once.
    rest.payload.fill(0xee, 0, end)
    rest.offset = end
    if (end < rest.payload.length) return
    this.#rest = undefined
    if (random(4) === 0) {
      const number = this.flushed.length
      this.flushed.push(-1)
      this.link.afterFlush(() => {
        this.flushed[number] = number
      })
    }
  }

  #fresh(): { payload: Buffer; id: number; offset: number } {
    const random = this.#random
    const bytes =
      random(3) === 0 ? (LENGTHS[random(LENGTHS.length)] as number) : random(random(2) === 0 ? 200 : 100_000)
    const start = random(noise.length - bytes)
    const payload = Buffer.from(noise.subarray(start, start + bytes))
    const id = this.sent.push(digestOf(payload))
    return { payload, id, offset: 0 }
  }
}

const servers: (() => void)[] = []
afterEach(() => {
  for (const close of servers.splice(0)) close()
})

async function tcpPair(): Promise<{ client: Socket; server: Socket }> {
  const listener = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const accepted = once(listener, 'connection') as Promise<[Socket]>
  const client = connect((listener.address() as { port: number }).port, '127.0.0.1')
  const [server] = await accepted
  servers.push(() => {
    client.destroy()
    server.destroy()
    listener.close()
  })
  return { client, server }
}

async function runUntil(sides: readonly Side[], isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    for (const side of sides) side.step()
    await turn()
  }
}

const PAIRINGS = [
  { name: 'Unix', pair: socketPair },
  { name: 'TCP', pair: tcpPair },
]
const SEEDS = [1, 2, 3]
const CASES = PAIRINGS.flatMap((pairing) => SEEDS.map((seed) => ({ ...pairing, seed })))

it.each(CASES)(
  'carries random records both ways over several links, with pauses ($name, seed $seed)',
  async ({ pair, seed }) => {
    const random = randomOf(seed * 7_919)
    const pairs: [Side, Side][] = []
    for (let count = 0; count < LINKS; count += 1) {
      const { client, server } = await pair()
      pairs.push([new Side(client, random), new Side(server, random)])
    }
    const sides = pairs.flat()
    await runUntil(sides, () =>
      sides.every((side) => side.isDone && side.received.length === RECORDS && side.hasFlushed),
    )
    for (const [a, b] of pairs) {
      // Only now: later reads and writes must not have changed what a program has kept.
      expect(a.receivedDigests).toEqual(b.sent)
      expect(b.receivedDigests).toEqual(a.sent)
      expect([...a.ends, ...b.ends]).toEqual([])
    }
    for (const side of sides) side.link.destroy()
  },
)

it.each(CASES)(
  'delivers a beginning of the records and one end, if the peer dies ($name, seed $seed)',
  async ({ name, pair, seed }) => {
    const random = randomOf(seed * 104_729)
    const { client, server } = await pair()
    const [left, right] = [new Side(client, random), new Side(server, random)]
    const enough = 1 + random(RECORDS - 1)
    await runUntil([left, right], () => left.received.length >= enough)
    if (name === 'Unix' || random(2) === 0) right.socket.destroy()
    else right.socket.resetAndDestroy()
    await runUntil([left], () => left.ends.length > 0)
    // Writes continue, and report nothing more.
    for (let count = 0; count < 20; count += 1) {
      left.step()
      await turn()
    }
    expect(left.ends).toEqual(['ERR_SHMWIRE_PEER_GONE'])
    expect(left.receivedDigests).toEqual(right.sent.slice(0, left.received.length))
    left.link.destroy()
  },
)
