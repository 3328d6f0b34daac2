import { createConnection } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { encodeControlFrame, FrameKind } from '../../src/control/frames.js'
import { ErrorCode } from '../../src/index.js'
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

describe.skipIf(reason !== undefined).each(ROLES)('a peer that never stops, against a %s,', (role) => {
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

  /** Has the victim write so many rings full: says that it has read all, and reads nothing. */
  async function takeAll(rings: number): Promise<void> {
    while (peer.victimTail < BigInt(rings * RING_BYTES)) {
      peer.segment.store64(Word.HEAD, peer.victimTail)
      peer.wake()
      await turn()
    }
  }

  it('with millions of tiny messages: all arrive, and the others are served meanwhile', async () => {
    hostileNative().flood(peer.segment.bytes, peer.victim, RING_BYTES)
    peer.wake()
    while (peer.victimHead < 16n * 2_000_000n) {
      await harness.expectAnswers()
      // The end of a burst may find the victim asleep: nobody else rings it.
      peer.wake()
    }
    const published = harness.stopThreads()
    peer.wake()
    peer.control.socket.destroy()
    expect(await harness.ended(peer)).toMatchObject({ code: ErrorCode.PEER_GONE, received: published })
    expect(published).toBeGreaterThan(1_999_999)
    await harness.expectUnharmed()
  })

  it('but never rings: what it wrote is read when it has gone', async () => {
    // Until the victim sleeps.
    await eventually(() => (new Uint32Array(peer.victim.buffer, Word.DATA_WAKE, 1)[0] as number) % 2 === 1)
    peer.segment.publish(peer.segment.message(0, 0, Buffer.alloc(16)))
    await harness.expectAnswers()
    expect(peer.victimHead).toBe(0n)
    peer.control.socket.destroy()
    expect(await harness.ended(peer)).toMatchObject({ code: ErrorCode.PEER_GONE, received: 1 })
    await harness.expectUnharmed()
  })

  it('ringing', async () => {
    let rings = 0
    while (rings < 4_000_000) {
      rings += peer.wake(65_536)
      await turn()
    }
    await harness.expectAnswers()
    await expectAlive(1)
  })

  it('ringing with descriptors: the victim takes none of them', async () => {
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

  it('arming its wake words anew, blocked and not', async () => {
    armWithoutEnd(Word.DATA_WAKE, ARMED)
    armWithoutEnd(Word.ROOM_WAKE, BLOCKED)
    peer.send(FLOOD)
    await takeAll(40)
    await harness.expectAnswers()
    harness.stopThreads()
    await expectAlive(2)
  })

  it('whose bell blocks and is never read', async () => {
    // The same open file as the one that the victim rings.
    hostileNative().setBlocking(peer.passedDoorbell, true)
    armWithoutEnd(Word.DATA_WAKE, ARMED)
    peer.send(FLOOD)
    await takeAll(60)
    await harness.expectAnswers()
    harness.stopThreads()
    await expectAlive(2)
  })

  it('whose bell is closed', async () => {
    peer.closeDoorbell()
    peer.segment.store32(Word.DATA_WAKE, 5)
    peer.send(FLOOD)
    await eventually(() => peer.victimTail > 0n)
    await harness.expectAnswers()
    await expectAlive(2)
  })

  it.each([1, 11, 12, 100_000])('with %i bytes on the silent control socket is CORRUPT', async (count) => {
    peer.control.write(Buffer.alloc(count, 0xff))
    await harness.expectCorrupt(peer)
  })

  it('with an honest frame of the handshake on the silent control socket is CORRUPT', async () => {
    peer.control.send('READY')
    await harness.expectCorrupt(peer)
  })
})

describe.skipIf(reason !== undefined)('a client that never stops', () => {
  let harness: AttackHarness
  beforeAll(async () => {
    harness = await AttackHarness.begin()
  })

  it('and has sent bytes behind its last frame of the handshake is CORRUPT', async () => {
    const client = harness.closeLater(await HostileClient.greet(harness.path))
    expect(client.sendDatagram()).toBe(0)
    expect(await client.answer()).toMatchObject({ kind: FrameKind.READY })
    const ready = encodeControlFrame(FrameKind.READY, {})
    client.take(RING_BYTES)
    client.control.write(Buffer.concat([ready, ready]))
    await harness.opened(client)
    await harness.expectCorrupt(client)
  })

  it('coming and going, its descriptors on the way, leaves nothing behind', async () => {
    for (let round = 0; round < 50; round += 1) {
      const client = await HostileClient.greet(harness.path)
      client.sendDatagram()
      if (round % 2 === 0) client.control.send('HANDLES')
      client.close()
    }
    // The server empties its inbox with the next handover.
    const peer = await harness.attack('server')
    peer.control.socket.destroy()
    await harness.ended(peer)
    await harness.expectUnharmed()
  })

  it('fills the inbox with datagrams that nobody asked for: the next client is served', async () => {
    const [left, right] = hostileNative().pair(SocketType.STREAM)
    const client = harness.closeLater(await HostileClient.greet(harness.path))
    client.closeLater(left, right)
    const descriptors = Array.from({ length: 253 }, () => left)
    let failed = 0
    while (failed === 0) failed = client.sendDatagram(descriptors, Buffer.alloc(16, 9))
    client.control.send('INBOX_FULL')
    expect(await client.control.read()).toMatchObject({ kind: FrameKind.INBOX_READY })
    expect(client.sendDatagram()).toBe(0)
    expect(await client.answer()).toMatchObject({ kind: FrameKind.READY })
    client.confirm(RING_BYTES)
    await harness.opened(client)
    await harness.expectUnharmed()
  })

  it('talks on after it was refused', async () => {
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

  it('connects and says nothing, a hundred times: the others are served', async () => {
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

  /** All values differ from those before, and each store wakes. Two threads, so that one runs while the other waits for a core. */
  function disturbSignal(peer: HostilePeer): void {
    const values = Array.from({ length: 1000 }, (_, index) => BigInt(index))
    for (let thread = 0; thread < 2; thread += 1)
      harness.storeRepeatedly(peer.segment.word(Word.SIGNAL, 4), values)
  }

  /** Another signal word; that nobody wakes its sleeper, as an honest peer would, makes it only notice later. */
  function ringBlocked(peer: HostilePeer): void {
    peer.segment.store32(Word.SIGNAL, 7)
  }

  it('in receiveSync by a peer whose signal changes without end has its TIMEOUT', async () => {
    const peer = await harness.attack('client', undefined, { call: 'receiveSync', args: [500] })
    disturbSignal(peer)
    expect(await harness.event('blocked')).toEqual({ blocked: { code: ErrorCode.TIMEOUT } })
    await harness.expectUnharmed()
  })

  it('in receiveSync by a peer whose signal changes without end learns that it has hung up', async () => {
    const peer = await harness.attack('client', undefined, { call: 'receiveSync', args: [NEVER_MS] })
    disturbSignal(peer)
    await sleep(100)
    // Another process may have the memory, and goes on.
    peer.control.socket.destroy()
    expect(await harness.event('blocked')).toEqual({ blocked: { code: ErrorCode.PEER_GONE } })
    await harness.expectUnharmed()
  })

  it('in receiveSync, spinning, learns that its peer has hung up', async () => {
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
  ])('in receiveSync is told of %s that lies, once the peer rings', async (_what, lie, code) => {
    const peer = await harness.attack('client', undefined, { call: 'receiveSync', args: [NEVER_MS] })
    await sleep(50)
    lie(peer)
    ringBlocked(peer)
    expect(await harness.event('blocked')).toEqual({ blocked: { code } })
    await harness.expectUnharmed()
  })

  it('in sendSync by a peer that reads nothing has its TIMEOUT', async () => {
    await harness.attack('client', undefined, { call: 'sendSync', args: [LONG, 500] })
    expect(await harness.event('blocked')).toEqual({ blocked: { code: ErrorCode.TIMEOUT } })
    await harness.expectUnharmed()
  })

  it('in sendSync by a peer whose head lies is told', async () => {
    const peer = await harness.attack('client', undefined, { call: 'sendSync', args: [LONG, NEVER_MS] })
    await eventually(() => peer.victimTail > 0n)
    peer.segment.store64(Word.HEAD, 2n ** 63n)
    ringBlocked(peer)
    expect(await harness.event('blocked')).toEqual({ blocked: { code: ErrorCode.CORRUPT } })
    await harness.expectUnharmed()
  })
})
