import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect } from 'vitest'
import { newHandshakeLimits } from '../../src/control/handshake.js'
import { handshakeAsClient } from '../../src/control/handshake-client.js'
import { handshakeAsServer, type Observer } from '../../src/control/handshake-server.js'
import { handshakeAsObserver, Observation } from '../../src/control/observe-server.js'
import { ErrorCode, ShmwireError } from '../../src/errors.js'
import type { NativeEndpoint, NativeHandoverSocket } from '../../src/native/binding.js'
import { loadBinding } from '../../src/native/load-binding.js'
import { resolveOptions } from '../../src/options.js'
import type { Agreement } from '../../src/wire/agreement.js'
import { encodeControlFrame, FrameKind } from '../../src/wire/frames.js'
import { encodePreamble } from '../../src/wire/preamble.js'
import { fuzz } from '../support/fuzz.js'
import { resourcesOf } from '../support/process-resources.js'
import { HELLO, OFFER, RawPeer } from '../support/raw-peer.js'
import { SocketPairs } from '../support/socket-pairs.js'
import { longDirectory } from '../support/temporary-directory.js'

/** Handshakes that run at once: each one mostly waits. */
const AT_ONCE = 16
/** The timeout for the few runs in which each side waits for the other. */
const HANDSHAKE_MS = 100
/** A handshake that takes longer never ends. */
const HANG_MS = 20_000
const RING_BYTES = 65_536
const TOKEN_BYTES = 16

const native = loadBinding()
const limits = newHandshakeLimits()
let pairs: SocketPairs
let handoverPath = ''
let handoverSocket: NativeHandoverSocket | undefined
let descriptors = 0

beforeAll(async () => {
  const directory = longDirectory()
  pairs = await SocketPairs.in(directory)
  handoverPath = join(directory, 'handover')
  if ('binding' in native) handoverSocket = new native.binding.HandoverSocket(handoverPath)
  descriptors = openDescriptors()
})

afterAll(async () => {
  handoverSocket?.close()
  await pairs.close()
})

/** A step of the hostile side: it sends bytes, or does its part of the handover with real descriptors. */
type Step = { readonly bytes: Buffer } | 'hand over' | 'accept'

const preamble: Step = { bytes: encodePreamble() }
const frame = (kind: number, message: object = {}): Step => ({ bytes: encodeControlFrame(kind, message) })
const reason = { reason: 'because' }
const offer = { ...OFFER, ringBytes: RING_BYTES }
const reject = { code: ErrorCode.DENIED, message: 'no' }
const [ready, handles, handoverFull] = [FrameKind.READY, FrameKind.HANDLES, FrameKind.HANDOVER_FULL].map(
  (kind) => frame(kind),
) as [Step, Step, Step]

/** Handshakes that are correct, or correct up to a refusal. */
const AS_CLIENT: readonly (readonly Step[])[] = [
  [preamble, frame(FrameKind.HELLO, HELLO), 'hand over', handles, ready],
  [preamble, frame(FrameKind.HELLO, HELLO), handoverFull, handoverFull, 'hand over', handles, ready],
  [preamble, frame(FrameKind.HELLO, { ...HELLO, transport: 'socket' }), ready],
  [preamble, frame(FrameKind.HELLO, { ...HELLO, shm: 'none here' }), ready],
  [preamble, frame(FrameKind.HELLO, HELLO), frame(FrameKind.SOCKET, reason)],
  [preamble, frame(FrameKind.HELLO, HELLO), 'hand over', handles, frame(FrameKind.SOCKET, reason)],
  [preamble, frame(FrameKind.HELLO, { ...HELLO, codec: 'other' })],
  [preamble, frame(FrameKind.REJECT, reject)],
  [preamble, frame(FrameKind.DESCRIBE, { pid: 1 })],
]
const asServer = (token: Buffer): readonly (readonly Step[])[] => {
  const offered = { ...offer, token: token.toString('hex') }
  return [
    [preamble, frame(FrameKind.OFFER, offered), 'accept', ready],
    [preamble, frame(FrameKind.OFFER, { ...offered, transport: 'socket', ...reason })],
    [preamble, frame(FrameKind.OFFER, offered), frame(FrameKind.SOCKET, reason)],
    [preamble, frame(FrameKind.OFFER, { ...offered, mayFallBack: false }), 'accept', ready],
    [preamble, frame(FrameKind.OFFER, offered), ready],
    [preamble, frame(FrameKind.OFFER, { ...offered, codec: 'other' })],
    [preamble, frame(FrameKind.REJECT, reject)],
  ]
}

const description = { id: 'd'.repeat(32), pid: 1, startedAtMs: 1, services: [{ name: 'a', hash: 'b' }] }
const AS_OBSERVED: readonly (readonly Step[])[] = [
  [preamble, frame(FrameKind.DESCRIPTION, description)],
  [
    preamble,
    frame(FrameKind.DESCRIPTION, description),
    frame(FrameKind.DESCRIPTION, { ...description, pid: 2 }),
  ],
  [preamble, frame(FrameKind.REJECT, reject)],
]

const kind = fc.oneof(fc.integer({ min: 255, max: 273 }), fc.nat(0xffff))
const strange: fc.Arbitrary<Step> = fc.oneof(
  fc.uint8Array({ maxLength: 30 }).map((bytes) => ({ bytes: Buffer.from(bytes) })),
  fc.tuple(kind, fc.jsonValue({ maxDepth: 1 })).map(([number, value]) => frame(number, value as object)),
  fc
    .tuple(
      kind,
      fc.constantFrom(HELLO, offer, reject, reason, description),
      fc.string(),
      fc.jsonValue({ maxDepth: 1 }),
      fc.nat(9),
    )
    .map(([number, message, name, value, which]) =>
      frame(number, { ...message, [Object.keys(message)[which] ?? name]: value }),
    ),
  fc.constantFrom<Step>(preamble, ready, handles, handoverFull, 'hand over', 'accept'),
)

const edit = fc.record({
  how: fc.constantFrom('remove', 'repeat', 'insert', 'replace', 'flip', 'cut'),
  at: fc.nat(6),
  step: strange,
  position: fc.nat(200),
  byte: fc.integer({ min: 0, max: 255 }),
})

const script = fc.record({ conversation: fc.nat(99), edits: fc.array(edit, { maxLength: 3 }) })
type Script = typeof script extends fc.Arbitrary<infer Value> ? Value : never

function stepsOf({ conversation, edits }: Script, right: readonly (readonly Step[])[]): Step[] {
  const result = [...(right[conversation % right.length] as readonly Step[])]
  for (const { how, at, step, position, byte } of edits) {
    const index = result.length === 0 ? 0 : at % result.length
    const old = result[index]
    if (how === 'remove') result.splice(index, 1)
    if (how === 'repeat' && old !== undefined) result.splice(index, 0, old)
    if (how === 'insert') result.splice(index, 0, step)
    if (how === 'replace') result[index] = step
    if (typeof old === 'object' && old.bytes.length > 0) {
      const bytes = Buffer.from(old.bytes)
      if (how === 'flip') bytes[position % bytes.length] = byte
      if (how === 'flip') result[index] = { bytes }
      if (how === 'cut') result[index] = { bytes: bytes.subarray(0, position % bytes.length) }
    }
  }
  return result
}

const ending = fc.constantFrom('end', 'destroy')
const options = fc.record(
  {
    transport: fc.constantFrom('auto', 'auto', 'shm', 'socket'),
    authorize: fc.constantFrom(
      undefined,
      undefined,
      () => true,
      () => false,
    ),
    // Less than the peer's bound, or more.
    maxMessageBytes: fc.constantFrom(HELLO.maxMessageBytes - 1, HELLO.maxMessageBytes + 1),
  },
  { noNullPrototype: true, requiredKeys: ['maxMessageBytes'] },
)

/** Plays the script to its end, then releases its own resources. */
async function play(peer: RawPeer, steps: readonly Step[], end: string, token: Buffer): Promise<void> {
  let endpoint: NativeEndpoint | undefined
  const accepts = steps.includes('accept')
  if (accepts) handoverSocket?.expect(token)
  try {
    for (const step of steps) {
      if (typeof step === 'object') {
        peer.socket.write(step.bytes)
      } else if ('binding' in native && handoverSocket !== undefined && endpoint === undefined) {
        endpoint = new native.binding.Endpoint({
          ringBytes: RING_BYTES,
          maxMessageBytes: 1024,
          recordsMax: 8,
        })
        await handOver(peer, step, endpoint, token)
      }
    }
  } finally {
    if (end === 'end') peer.socket.end()
    else peer.socket.destroySoon()
    if (accepts) handoverSocket?.discard(token)
    endpoint?.close()
  }
}

async function handOver(
  peer: RawPeer,
  step: 'hand over' | 'accept',
  endpoint: NativeEndpoint,
  token: Buffer,
): Promise<void> {
  if (step === 'hand over') {
    const offered = (await peer.find(FrameKind.OFFER))?.['token']
    if (typeof offered === 'string') endpoint.offerHandles(handoverPath, Buffer.from(offered, 'hex'))
    return
  }
  if ((await peer.find(FrameKind.HANDLES)) === undefined) return
  try {
    endpoint.acceptHandles(handoverSocket as NativeHandoverSocket, token)
  } catch (error) {
    // The client received another token, or has already failed.
    expect([ErrorCode.CORRUPT, ErrorCode.PEER_GONE]).toContain((error as ShmwireError).code)
  }
}

/**
 * Runs one handshake against one script: it agrees or fails with a code, in time, and releases all resources.
 * Returns the agreed bound of a message.
 */
async function expectSettled(
  shake: () => Promise<Agreement | Observer | Observation>,
  own: Socket,
  played: Promise<void>,
  peer: RawPeer,
): Promise<number | undefined> {
  const closed = [own, peer.socket].map(
    (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
  )
  let agreed: number | undefined
  const settled = shake().catch((error: unknown) => error)
  const outcome = await inTime(settled, 'the handshake')
  peer.giveUp()
  await inTime(played, 'the script')
  if (outcome instanceof Error) {
    if (!(outcome instanceof ShmwireError)) throw outcome
    expect(Object.values(ErrorCode)).toContain(outcome.code)
    // The refusing side waits until this side has read the refusal.
    peer.socket.destroy()
  } else {
    const accepted = outcome as Agreement | Observer | Observation
    if ('transport' in accepted) {
      const { endpoint, transport, maxMessageBytes } = accepted
      expect(transport).toBe(endpoint === undefined ? 'unix' : 'shm')
      agreed = maxMessageBytes
      endpoint?.close()
    }
    if (accepted instanceof Observation) {
      const ended = accepted.follow(({ id }) => expect(id).toBe(accepted.description.id))
      peer.socket.destroy()
      await inTime(ended, 'the observation')
    } else accepted.socket.destroy()
    peer.socket.destroy()
  }
  await inTime(Promise.all(closed), 'the end of both sockets')
  return agreed
}

/** An edit may change the peer's bound, but never ours. */
function expectBound(agreed: number | undefined, own: number, { edits }: Script): void {
  if (agreed === undefined) return
  expect(agreed).toBeLessThanOrEqual(own)
  if (edits.length === 0) expect(agreed).toBe(Math.min(own, HELLO.maxMessageBytes))
}

async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const hang = new Promise<never>((_resolve, fail) => {
    timer = setTimeout(() => fail(new Error(`${what} did not come to its end`)), HANG_MS)
  })
  try {
    return await Promise.race([promise, hang])
  } finally {
    clearTimeout(timer)
  }
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length
}

fuzz(
  'handshake',
  {
    'a server agrees or refuses, whatever its client does': fc.asyncProperty(
      script,
      ending,
      options,
      async (said, end, chosen) => {
        const { connecting, accepted } = await pairs.next()
        const peer = new RawPeer(connecting)
        const settings = resolveOptions({ ...chosen, ringBytes: RING_BYTES })
        const shake = () =>
          handshakeAsServer(accepted, {
            settings,
            codecName: 'msgpack',
            native,
            transport: 'unix',
            handoverSocket,
            limits,
            timeoutMs: HANDSHAKE_MS,
          })
        const played = play(peer, stepsOf(said, AS_CLIENT), end, randomBytes(TOKEN_BYTES))
        expectBound(await expectSettled(shake, accepted, played, peer), chosen.maxMessageBytes, said)
      },
    ),
    'a client agrees or refuses, whatever its server does': fc.asyncProperty(
      script,
      ending,
      options,
      async (said, end, chosen) => {
        const { connecting, accepted } = await pairs.next()
        const peer = new RawPeer(accepted)
        const settings = resolveOptions({ ...chosen, ringBytes: RING_BYTES })
        const shake = () =>
          handshakeAsClient(connecting, {
            settings,
            codecName: 'msgpack',
            native,
            transport: 'unix',
            handoverPath,
            timeoutMs: HANDSHAKE_MS,
          })
        const token = randomBytes(TOKEN_BYTES)
        const played = play(peer, stepsOf(said, asServer(token)), end, token)
        expectBound(await expectSettled(shake, connecting, played, peer), chosen.maxMessageBytes, said)
      },
    ),
    'an observer gets a description or fails, whatever its server does': fc.asyncProperty(
      script,
      ending,
      options,
      async (said, end, chosen) => {
        const { connecting, accepted } = await pairs.next()
        const peer = new RawPeer(accepted)
        const settings = resolveOptions(chosen)
        const shake = () => handshakeAsObserver(connecting, { settings, native, timeoutMs: HANDSHAKE_MS })
        const played = play(peer, stepsOf(said, AS_OBSERVED), end, randomBytes(TOKEN_BYTES))
        await expectSettled(shake, connecting, played, peer)
      },
    ),
  },
  {
    seeds: AT_ONCE,
    check: async () => {
      expect(limits.slots.load).toEqual({ held: 0, waiting: 0 })
      expect(limits.halfOpen.count).toBe(0)
      // A thread closes the descriptors that a peer sent unasked.
      await expect.poll(openDescriptors, { timeout: 10_000 }).toBe(descriptors)
      expect(resourcesOf().segmentMappings).toBe(0)
    },
  },
)
