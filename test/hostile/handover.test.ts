import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/index.js'
import { descriptorOf } from '../../src/socket-descriptor.js'
import { FrameKind } from '../../src/wire/frames.js'
import { AttackHarness, ROLES, type Role } from '../support/attack-harness.js'
import {
  DATA_OFFSET,
  ForgedSegment,
  RING_BYTES,
  type SegmentOptions,
  Word,
} from '../support/forged-segment.js'
import { hostileNative, SEALS, Seals, SocketType, whyNotHostile } from '../support/hostile-native.js'
import { HostileClient, type HostilePeer, HostileServer } from '../support/hostile-peers.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'

const reason = whyNotHostile()
if (reason !== undefined) console.log(`skipped: ${reason}`)

const SEGMENT_BYTES = DATA_OFFSET + RING_BYTES
const EPERM = 1

/** The victim's reply to these descriptors, and the error for its own user. */
async function passDescriptors(
  harness: AttackHarness,
  role: Role,
  segment: ForgedSegment,
  choose: (peer: HostilePeer) => readonly number[],
): Promise<{ code: unknown; message: unknown; fallback: boolean }> {
  if (role === 'server') {
    const client = harness.closeLater(await HostileClient.greet(harness.path, segment))
    expect(client.sendDatagram(choose(client))).toBe(0)
    return outcomeOf(await client.answer())
  }
  const server = await harness.serve()
  harness.victim.send({ connectTo: `unix:${server.path}` })
  const peer = harness.closeLater(await server.accept(segment))
  const outcome = outcomeOf(await server.answer(peer, choose(peer)))
  if (!outcome.fallback)
    expect(await harness.event<{ refused: string }>('refused')).toMatchObject({ refused: outcome.code })
  return outcome
}

function outcomeOf(answer: Awaited<ReturnType<HostileClient['answer']>>) {
  if (answer === 'closed') throw new Error('the victim hung up without a word')
  if (answer.kind === FrameKind.SOCKET)
    return { code: undefined, message: answer.message['reason'], fallback: true }
  expect(answer.kind).toBe(FrameKind.REJECT)
  return { code: answer.message['code'], message: answer.message['message'], fallback: false }
}

describe.skipIf(reason !== undefined).each(ROLES)('invalid memory, passed to a %s,', (role) => {
  let harness: AttackHarness
  beforeAll(async () => {
    harness = await AttackHarness.begin()
  })

  it.each<[string, SegmentOptions, RegExp]>([
    ['that cannot be sealed', { sealable: false }, /lacks a required seal|not sealable/],
    ['without seals', { seals: 0 }, /lacks a required seal|not sealable/],
    ['that may shrink', { seals: SEALS & ~Seals.SHRINK }, /lacks a required seal|not sealable/],
    ['that may grow', { seals: SEALS & ~Seals.GROW }, /lacks a required seal|not sealable/],
    ['that may get holes', { seals: SEALS & ~Seals.FUTURE_WRITE }, /lacks a required seal|not sealable/],
    ['that may get further seals', { seals: SEALS & ~Seals.SEAL }, /lacks a required seal|not sealable/],
    ['of no bytes', { bytes: 0 }, /does not have a segment's size/],
    ['of a page', { bytes: 4096 }, /does not have a segment's size/],
    ['of a byte less', { bytes: SEGMENT_BYTES - 1 }, /does not have a segment's size/],
    ['of a page more', { bytes: SEGMENT_BYTES + 4096 }, /does not have a segment's size/],
    ['of twice the ring', { bytes: 2 * SEGMENT_BYTES - 8192 }, /contradicts its size/],
    ['with its first page only', { pages: 'first' }, /has holes/],
  ])('causes CORRUPT: memory %s', async (_what, options, text) => {
    const outcome = await passDescriptors(harness, role, new ForgedSegment(options), (peer) => [
      peer.segment.descriptor,
      peer.passedDoorbell,
    ])
    expect(outcome.code).toBe(ErrorCode.CORRUPT)
    expect(outcome.message).toMatch(text)
    await harness.expectUnharmed()
  })

  // The pages of an honest peer may be swapped out.
  it.each<NonNullable<SegmentOptions['pages']>>(['reserved', 'reserved beyond the end'])(
    'is not mapped if its pages are %s, and the channel falls back to the socket',
    async (pages) => {
      const segment = new ForgedSegment({ pages })
      const outcome = await passDescriptors(harness, role, segment, (peer) => [
        peer.segment.descriptor,
        peer.passedDoorbell,
      ])
      expect(outcome).toMatchObject({
        fallback: true,
        message: expect.stringContaining("not all pages of the peer's memory exist"),
      })
      await harness.expectUnharmed()
    },
  )

  it.each<[string, ErrorCode, (header: DataView) => void]>([
    ['magic', ErrorCode.VERSION, (header) => header.setUint8(7, 0x32)],
    ['major version', ErrorCode.VERSION, (header) => header.setUint16(8, 2, true)],
    ['endian tag', ErrorCode.VERSION, (header) => header.setUint32(12, 0x01020304, false)],
    ['required features', ErrorCode.VERSION, (header) => header.setBigUint64(88, 2n, true)],
    ['feature, an elastic ring of 64 KiB', ErrorCode.CORRUPT, (header) => header.setBigUint64(88, 1n, true)],
    ['length of the header', ErrorCode.CORRUPT, (header) => header.setUint32(16, 96, true)],
    ['huge length of the header', ErrorCode.CORRUPT, (header) => header.setUint32(16, 2 ** 32 - 1, true)],
    ['page', ErrorCode.CORRUPT, (header) => header.setUint32(20, 0, true)],
    ['size', ErrorCode.CORRUPT, (header) => header.setBigUint64(24, 2n ** 64n - 1n, true)],
    ['kind', ErrorCode.CORRUPT, (header) => header.setUint32(32, 2, true)],
    ['capacity, too small', ErrorCode.CORRUPT, (header) => header.setUint32(36, 15, true)],
    ['capacity, twice the ring', ErrorCode.CORRUPT, (header) => header.setUint32(36, 17, true)],
    ['capacity, shifted out', ErrorCode.CORRUPT, (header) => header.setUint32(36, 64 + 16, true)],
    ['capacity, huge', ErrorCode.CORRUPT, (header) => header.setUint32(36, 2 ** 32 - 1, true)],
    ['place of the control block', ErrorCode.CORRUPT, (header) => header.setBigUint64(40, 0n, true)],
    ['place of the data', ErrorCode.CORRUPT, (header) => header.setBigUint64(48, 2n ** 63n, true)],
  ])('has a wrong %s in its header and causes %s', async (_what, code, header) => {
    const outcome = await passDescriptors(harness, role, new ForgedSegment({ header }), (peer) => [
      peer.segment.descriptor,
      peer.passedDoorbell,
    ])
    expect(outcome.code).toBe(code)
    await harness.expectUnharmed()
  })

  /** Opened for the test, and closed with the peer. */
  const FOREIGN: [string, (peer: HostilePeer) => number][] = [
    ['/dev/zero', () => openSync('/dev/zero', 'r')],
    ['a regular file', () => openFile(SEGMENT_BYTES)],
    ['a directory', () => openSync('/', 'r')],
    ['a pipe', () => openPipe()],
    ['a socket', (peer) => peer.ownDoorbell],
    ["the victim's memory", () => openSync(`/proc/${harness.pid}/mem`, 'r')],
  ]

  it.each(FOREIGN)('causes CORRUPT if it is %s', async (_what, open) => {
    const outcome = await passDescriptors(harness, role, new ForgedSegment(), (peer) => {
      const descriptor = open(peer)
      if (descriptor !== peer.ownDoorbell) peer.closeLater(descriptor)
      return [descriptor, peer.passedDoorbell]
    })
    expect(outcome.code).toBe(ErrorCode.CORRUPT)
    await harness.expectUnharmed()
  })

  it('causes CORRUPT if it is a file of a silent FUSE file system, whose close blocks no thread', async ({
    skip,
  }) => {
    const path = join(temporaryDirectory(), 'f')
    writeFileSync(path, '')
    const file = hostileNative().fuse(path)
    if (file < 0) skip(`no FUSE file system can be mounted here: error ${-file}`)
    const outcome = await passDescriptors(harness, role, new ForgedSegment(), (peer) => [
      file,
      peer.passedDoorbell,
    ])
    expect(outcome.code).toBe(ErrorCode.CORRUPT)
    await harness.expectUnharmed()
  })

  it('causes CORRUPT if it is sealed against writing by its owner too', async () => {
    const native = hostileNative()
    const memory = native.memory(SEGMENT_BYTES, 0, true)
    expect(native.seal(memory, SEALS | Seals.WRITE)).toBe(0)
    const outcome = await passDescriptors(harness, role, new ForgedSegment(), (peer) => {
      peer.closeLater(memory)
      return [memory, peer.passedDoorbell]
    })
    expect(outcome.code).toBe(ErrorCode.CORRUPT)
    await harness.expectUnharmed()
  })

  it('keeps its size, its pages and its seals after it was accepted', async () => {
    const peer = await harness.attack(role)
    const { descriptor, bytes } = peer.segment
    for (const size of [0, 4096, 2 * SEGMENT_BYTES])
      expect(() => ftruncateSync(descriptor, size)).toThrow(/EPERM/)
    expect(hostileNative().punch(descriptor, 0, 4096)).toBe(EPERM)
    expect(hostileNative().punch(descriptor, DATA_OFFSET, RING_BYTES)).toBe(EPERM)
    expect(hostileNative().remove(bytes)).toBe(EPERM)
    expect(hostileNative().seal(descriptor, Seals.WRITE)).toBe(EPERM)
    peer.send(Buffer.alloc(16))
    await eventually(() => peer.victimHead === BigInt(peer.position))
    await harness.expectUnharmed()
  })
})

describe.skipIf(reason !== undefined).each(ROLES)('an invalid doorbell, passed to a %s,', (role) => {
  let harness: AttackHarness
  beforeAll(async () => {
    harness = await AttackHarness.begin()
  })

  const FOREIGN: [string, () => Promise<number> | number][] = [
    ['a pipe', () => openPipe()],
    ['a regular file', () => openFile(10)],
    ['a directory', () => openSync('/', 'r')],
    ['a datagram socket', () => hostileNative().pair(SocketType.DATAGRAM)[0]],
    ['a sequential socket', () => hostileNative().pair(SocketType.SEQUENTIAL)[0]],
    ['memory', () => hostileNative().memory(4096, 0, true)],
  ]

  it.each(FOREIGN)('causes CORRUPT if it is %s', async (_what, open) => {
    const doorbell = await open()
    const outcome = await passDescriptors(harness, role, new ForgedSegment(), (peer) => {
      peer.closeLater(doorbell)
      return [peer.segment.descriptor, doorbell]
    })
    expect(outcome.code).toBe(ErrorCode.CORRUPT)
    expect(outcome.message).toMatch(/doorbell|descriptors/)
    await harness.expectUnharmed()
  })

  it('causes CORRUPT if it is an Internet socket', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const socket = connect((server.address() as { port: number }).port, '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    harness.closeLater({
      close() {
        socket.destroy()
        server.close()
      },
    })
    const outcome = await passDescriptors(harness, role, new ForgedSegment(), (peer) => [
      peer.segment.descriptor,
      descriptorOf(socket) as number,
    ])
    expect(outcome.code).toBe(ErrorCode.CORRUPT)
    await harness.expectUnharmed()
  })
})

describe.skipIf(reason !== undefined)('a doorbell whose other end is closed', () => {
  it('ends the handover to a server, which falls back to the socket with the reason', async () => {
    const harness = await AttackHarness.begin()
    const client = harness.closeLater(await HostileClient.greet(harness.path))
    client.sendDatagram()
    client.closeDoorbell()
    const outcome = outcomeOf(await client.answer())
    expect(outcome).toMatchObject({
      fallback: true,
      message: expect.stringMatching(/closed its doorbell/) as string,
    })
    client.control.send('READY')
    expect(await harness.event('opened')).toMatchObject({ transport: 'unix' })
    await harness.expectUnharmed()
  })

  it('does not disturb a client, whose wake-ups have no effect', async () => {
    const harness = await AttackHarness.begin()
    const server = await harness.serve()
    harness.victim.send({ connectTo: `unix:${server.path}` })
    const peer = harness.closeLater(await server.accept())
    const [given, kept] = hostileNative().pair(SocketType.STREAM)
    peer.closeLater(given)
    const answer = server.answer(peer, [peer.segment.descriptor, given])
    closeSync(kept)
    expect(await answer).toMatchObject({ kind: FrameKind.READY })
    await harness.opened(peer)
    // The wake word says asleep, so the victim uses the doorbell.
    peer.segment.store32(Word.DATA_WAKE, 5)
    peer.send(Buffer.from([1]))
    await eventually(() => peer.victimTail > 0n)
    await harness.expectUnharmed()
  })
})

describe.skipIf(reason !== undefined).each(ROLES)(
  'a wrong number of descriptors, passed to a %s,',
  (role) => {
    let harness: AttackHarness
    beforeAll(async () => {
      harness = await AttackHarness.begin()
    })

    it.each<[string, (peer: HostilePeer) => number[]]>([
      ['memory alone', (peer) => [peer.segment.descriptor]],
      ['the doorbell alone', (peer) => [peer.passedDoorbell]],
      ['the doorbell first', (peer) => [peer.passedDoorbell, peer.segment.descriptor]],
      ['one more', (peer) => [peer.segment.descriptor, peer.passedDoorbell, peer.passedDoorbell]],
      [
        'a hundred more',
        (peer) => [
          peer.segment.descriptor,
          peer.passedDoorbell,
          ...Array.from({ length: 100 }, () => peer.passedDoorbell),
        ],
      ],
      ['the maximum number', (peer) => Array.from({ length: 253 }, () => peer.segment.descriptor)],
    ])('causes CORRUPT: %s', async (_what, choose) => {
      const outcome = await passDescriptors(harness, role, new ForgedSegment(), choose)
      expect(outcome.code).toBe(ErrorCode.CORRUPT)
      await harness.expectUnharmed()
    })
  },
)

describe.skipIf(reason !== undefined)('descriptors of another process than the server', () => {
  it('cause CORRUPT in a client', async () => {
    const harness = await AttackHarness.begin()
    const server = harness.closeLater(await HostileServer.withOtherListener(join(temporaryDirectory(), 'h')))
    harness.victim.send({ connectTo: `unix:${server.path}` })
    const peer = harness.closeLater(await server.accept())
    expect(outcomeOf(await server.answer(peer))).toMatchObject({
      code: ErrorCode.CORRUPT,
      message: expect.stringMatching(/another process than the server at the address/) as string,
    })
    expect(await harness.event('refused')).toMatchObject({ refused: ErrorCode.CORRUPT })
    await harness.expectUnharmed()
  })
})

describe.skipIf(reason !== undefined)('tokens', () => {
  let harness: AttackHarness
  let client: HostileClient
  beforeAll(async () => {
    harness = await AttackHarness.begin()
  })
  beforeEach(async () => {
    client = harness.closeLater(await HostileClient.greet(harness.path))
  })

  const both = (): number[] => [client.segment.descriptor, client.passedDoorbell]

  it.each<[string, () => Buffer]>([
    ['another', () => Buffer.alloc(16, 1)],
    ['a byte less', () => client.token.subarray(0, 15)],
    ['a byte more', () => Buffer.concat([client.token, Buffer.alloc(1)])],
    ['none', () => Buffer.alloc(0)],
  ])('causes CORRUPT: %s', async (_what, token) => {
    expect(client.sendDatagram(both(), token())).toBe(0)
    expect(outcomeOf(await client.answer()).code).toBe(ErrorCode.CORRUPT)
    await harness.expectUnharmed()
  })

  it('are accepted once if they are repeated and among wrong ones', async () => {
    for (let count = 0; count < 3; count += 1) client.sendDatagram(both(), Buffer.alloc(16, count))
    for (let count = 0; count < 3; count += 1) expect(client.sendDatagram()).toBe(0)
    expect(await client.answer()).toMatchObject({ kind: FrameKind.READY })
    client.confirm(RING_BYTES)
    await harness.opened(client)
    await harness.expectUnharmed()
  })

  it('are not accepted twice', async () => {
    expect(client.sendDatagram()).toBe(0)
    expect(await client.answer()).toMatchObject({ kind: FrameKind.READY })
    client.confirm(RING_BYTES)
    await harness.opened(client)
    const second = harness.closeLater(await HostileClient.greet(harness.path))
    expect(second.sendDatagram(both(), client.token)).toBe(0)
    expect(outcomeOf(await second.answer()).code).toBe(ErrorCode.CORRUPT)
    await harness.expectUnharmed()
  })

  it('causes CORRUPT without a datagram', async () => {
    expect(outcomeOf(await client.answer()).code).toBe(ErrorCode.CORRUPT)
    await harness.expectUnharmed()
  })
})

function openFile(bytes: number): number {
  const file = join(temporaryDirectory(), 'file')
  writeFileSync(file, Buffer.alloc(bytes))
  return openSync(file, 'r+')
}

/** Both ends of a pipe in one descriptor. */
function openPipe(): number {
  const fifo = join(temporaryDirectory(), 'pipe')
  spawnSync('mkfifo', [fifo])
  return openSync(fifo, 'r+')
}
