import { createConnection } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/index.js'
import { encodeControlFrame, FrameKind } from '../../src/wire/frames.js'
import { AttackHarness, ROLES } from '../support/attack-harness.js'
import { RING_BYTES, Word } from '../support/forged-segment.js'
import { hostileNative, SocketType, whyNotHostile } from '../support/hostile-native.js'
import { HostileClient, type HostilePeer } from '../support/hostile-peers.js'
import { resourcesOf } from '../support/process-resources.js'
import { eventually, turn } from '../support/turns.js'

const reason = whyNotHostile()
if (reason !== undefined) console.log(`skipped: ${reason}`)

const FLOOD = Buffer.from([1])
/** An epoch of a wake word in an event loop, armed. */
const ARMED = 1n
const BLOCKED = 3n
const EPOCH = 4n

describe.skipIf(reason !== undefined).each(ROLES)('a %s that a peer floods', (role) => {
  let harness: AttackHarness
  let peer: HostilePeer
  beforeAll(async () => {
    harness = await AttackHarness.begin()
  })
  beforeEach(async () => {
    peer = await harness.attack(role)
  })

  /** The attacked channel still works, and ends with its peer. */
  async function expectAlive(received: number): Promise<void> {
    const before = peer.victimHead
    peer.send(Buffer.alloc(16))
    await eventually(() => peer.victimHead > before)
    peer.control.socket.destroy()
    expect(await harness.ended(peer)).toMatchObject({ code: ErrorCode.PEER_GONE, received })
    await harness.expectUnharmed()
  }

  function armWithoutEnd(word: number, mode: bigint): void {
    harness.storeRepeatedly(
      peer.segment.word(word, 4),
      Array.from({ length: 1000 }, (_, index) => (EPOCH * BigInt(index)) | mode),
    )
  }

  /** Makes the victim write this many full rings: marks all as read, and reads nothing. */
  async function takeAll(rings: number): Promise<void> {
    while (peer.victimTail < BigInt(rings * RING_BYTES)) {
      peer.segment.store64(Word.HEAD, peer.victimTail)
      peer.wake()
      await turn()
    }
  }

  it('receives millions of tiny messages and serves the other channels meanwhile', async () => {
    hostileNative().flood(peer.segment.bytes, peer.victim, RING_BYTES)
    peer.wake()
    while (peer.victimHead < 16n * 2_000_000n) {
      await harness.expectAnswers()
      // The victim may be asleep at the end of a burst, and only this peer wakes it.
      peer.wake()
    }
    const published = harness.stopThreads()
    peer.wake()
    peer.control.socket.destroy()
    expect(await harness.ended(peer)).toMatchObject({ code: ErrorCode.PEER_GONE, received: published })
    expect(published).toBeGreaterThan(1_999_999)
    await harness.expectUnharmed()
  })

  it('reads the messages of a peer that never wakes it when that peer ends', async () => {
    // Until the victim sleeps.
    await eventually(() => (new Uint32Array(peer.victim.buffer, Word.DATA_WAKE, 1)[0] as number) % 2 === 1)
    peer.segment.publish(peer.segment.message(0, 0, Buffer.alloc(16)))
    await harness.expectAnswers()
    expect(peer.victimHead).toBe(0n)
    peer.control.socket.destroy()
    expect(await harness.ended(peer)).toMatchObject({ code: ErrorCode.PEER_GONE, received: 1 })
    await harness.expectUnharmed()
  })

  it('survives wake-ups without messages', async () => {
    let rings = 0
    while (rings < 4_000_000) {
      rings += peer.wake(65_536)
      await turn()
    }
    await harness.expectAnswers()
    await expectAlive(1)
  })

  it('accepts no descriptors with a wake-up', async () => {
    const before = resourcesOf(harness.pid)
    const descriptors = Array.from({ length: 200 }, () => peer.segment.descriptor)
    for (let count = 0; count < 50; count += 1) {
      hostileNative().send(peer.doorbell, '', Buffer.alloc(1), descriptors)
      await turn()
    }
    await harness.expectAnswers()
    expect(resourcesOf(harness.pid)).toEqual(before)
    await expectAlive(1)
  })

  it('survives wake words that are armed again and again, blocked or not', async () => {
    armWithoutEnd(Word.DATA_WAKE, ARMED)
    armWithoutEnd(Word.ROOM_WAKE, BLOCKED)
    peer.send(FLOOD)
    await takeAll(40)
    await harness.expectAnswers()
    harness.stopThreads()
    await expectAlive(2)
  })

  it('does not block on a blocking doorbell that is never read', async () => {
    // The same open file as the doorbell that the victim uses.
    hostileNative().setBlocking(peer.passedDoorbell, true)
    armWithoutEnd(Word.DATA_WAKE, ARMED)
    peer.send(FLOOD)
    await takeAll(60)
    await harness.expectAnswers()
    harness.stopThreads()
    await expectAlive(2)
  })

  it('survives a closed doorbell', async () => {
    peer.closeDoorbell()
    peer.segment.store32(Word.DATA_WAKE, 5)
    peer.send(FLOOD)
    await eventually(() => peer.victimTail > 0n)
    await harness.expectAnswers()
    await expectAlive(2)
  })

  it.each([1, 11, 12, 100_000])(
    'reports CORRUPT after %i bytes on the silent control socket',
    async (count) => {
      peer.control.write(Buffer.alloc(count, 0xff))
      await harness.expectCorrupt(peer)
    },
  )

  it('reports CORRUPT after a valid handshake frame on the silent control socket', async () => {
    peer.control.send('READY')
    await harness.expectCorrupt(peer)
  })
})

describe.skipIf(reason !== undefined)('a server that clients flood', () => {
  let harness: AttackHarness
  beforeAll(async () => {
    harness = await AttackHarness.begin()
  })

  it('reports CORRUPT after bytes behind the last frame of the handshake', async () => {
    const client = harness.closeLater(await HostileClient.greet(harness.path))
    expect(client.sendDatagram()).toBe(0)
    expect(await client.answer()).toMatchObject({ kind: FrameKind.READY })
    const ready = encodeControlFrame(FrameKind.READY, {})
    client.take(RING_BYTES)
    client.control.write(Buffer.concat([ready, ready]))
    await harness.opened(client)
    await harness.expectCorrupt(client)
  })

  it('frees all resources of clients that end with their descriptors in transit', async () => {
    for (let round = 0; round < 50; round += 1) {
      const client = await HostileClient.greet(harness.path)
      client.sendDatagram()
      if (round % 2 === 0) client.control.send('HANDLES')
      client.close()
    }
    // The server empties its handover socket at the next handover.
    const peer = await harness.attack('server')
    peer.control.socket.destroy()
    await harness.ended(peer)
    await harness.expectUnharmed()
  })

  it('serves the next client after unsolicited datagrams have filled the handover socket', async () => {
    const [left, right] = hostileNative().pair(SocketType.STREAM)
    const client = harness.closeLater(await HostileClient.greet(harness.path))
    client.closeLater(left, right)
    const descriptors = Array.from({ length: 253 }, () => left)
    let failed = 0
    while (failed === 0) failed = client.sendDatagram(descriptors, Buffer.alloc(16, 9))
    client.control.send('HANDOVER_FULL')
    expect(await client.control.read()).toMatchObject({ kind: FrameKind.HANDOVER_READY })
    expect(client.sendDatagram()).toBe(0)
    expect(await client.answer()).toMatchObject({ kind: FrameKind.READY })
    client.confirm(RING_BYTES)
    await harness.opened(client)
    await harness.expectUnharmed()
  })

  it('ignores the frames of a refused client', async () => {
    const client = harness.closeLater(await HostileClient.greet(harness.path))
    expect(await client.answer()).toMatchObject({
      kind: FrameKind.REJECT,
      message: { code: ErrorCode.CORRUPT },
    })
    const chunk = Buffer.alloc(1 << 20)
    for (let count = 0; count < 20 && !client.control.socket.destroyed; count += 1) {
      client.control.write(chunk)
      await sleep(1)
    }
    await client.control.closed()
    await harness.expectUnharmed()
  })

  it('serves the other clients beside a hundred silent connections', async () => {
    const sockets = Array.from({ length: 100 }, () => createConnection({ path: harness.path }))
    for (const socket of sockets) socket.on('error', () => {})
    harness.closeLater({ close: () => sockets.forEach((socket) => void socket.destroy()) })
    await harness.expectUnharmed()
  })
})

describe.skipIf(reason !== undefined)('a thread that is blocked', () => {
  const NEVER_MS = 3_600_000
  const LONG = Buffer.alloc(4 * RING_BYTES)
  let harness: AttackHarness
  beforeEach(async () => {
    harness = await AttackHarness.begin()
  })

  /** Each store changes the value and wakes. Two threads, so that one runs while the other waits for a core. */
  function disturbSignal(peer: HostilePeer): void {
    const values = Array.from({ length: 1000 }, (_, index) => BigInt(index))
    for (let thread = 0; thread < 2; thread += 1)
      harness.storeRepeatedly(peer.segment.word(Word.SIGNAL, 4), values)
  }

  /** Changes the wake sequence. Without the wake-up of an honest peer, the victim only notices later. */
  function wakeBlocked(peer: HostilePeer): void {
    peer.segment.store32(Word.SIGNAL, 7)
  }

  it('ends receiveSync with TIMEOUT while the peer changes the wake sequence without end', async () => {
    const peer = await harness.attack('client', undefined, { call: 'receiveSync', args: [500] })
    disturbSignal(peer)
    expect(await harness.event('blocked')).toEqual({ blocked: { code: ErrorCode.TIMEOUT } })
    await harness.expectUnharmed()
  })

  it('ends receiveSync with PEER_GONE when a peer that changed the wake sequence hangs up', async () => {
    const peer = await harness.attack('client', undefined, { call: 'receiveSync', args: [NEVER_MS] })
    disturbSignal(peer)
    await sleep(100)
    // Another process may hold the memory and continue.
    peer.control.socket.destroy()
    expect(await harness.event('blocked')).toEqual({ blocked: { code: ErrorCode.PEER_GONE } })
    await harness.expectUnharmed()
  })

  it('ends a spinning receiveSync with PEER_GONE when the peer hangs up', async () => {
    const spinning = await AttackHarness.begin({ wait: 'spin' })
    const peer = await spinning.attack('client', undefined, { call: 'receiveSync', args: [NEVER_MS] })
    await sleep(100)
    peer.control.socket.destroy()
    expect(await spinning.event('blocked')).toEqual({ blocked: { code: ErrorCode.PEER_GONE } })
    await spinning.expectUnharmed()
  })

  it.each([
    ['a tail', (peer: HostilePeer) => peer.segment.publish(8n), ErrorCode.CORRUPT],
    ['a state', (peer: HostilePeer) => peer.segment.store32(Word.STATE, 0x8000_0000), ErrorCode.PEER_GONE],
  ])('ends receiveSync with an error after %s that is forged and a wake-up', async (_what, forge, code) => {
    const peer = await harness.attack('client', undefined, { call: 'receiveSync', args: [NEVER_MS] })
    await sleep(50)
    forge(peer)
    wakeBlocked(peer)
    expect(await harness.event('blocked')).toEqual({ blocked: { code } })
    await harness.expectUnharmed()
  })

  it('ends sendSync with TIMEOUT if the peer reads nothing', async () => {
    await harness.attack('client', undefined, { call: 'sendSync', args: [LONG, 500] })
    expect(await harness.event('blocked')).toEqual({ blocked: { code: ErrorCode.TIMEOUT } })
    await harness.expectUnharmed()
  })

  it('ends sendSync with CORRUPT if the peer forges its head', async () => {
    const peer = await harness.attack('client', undefined, { call: 'sendSync', args: [LONG, NEVER_MS] })
    await eventually(() => peer.victimTail > 0n)
    peer.segment.store64(Word.HEAD, 2n ** 63n)
    wakeBlocked(peer)
    expect(await harness.event('blocked')).toEqual({ blocked: { code: ErrorCode.CORRUPT } })
    await harness.expectUnharmed()
  })
})
