import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { createConnection } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/index.js'
import { descriptorOf } from '../../src/socket-descriptor.js'
import { FrameKind } from '../../src/wire/frames.js'
import { AttackHarness, ROLES } from '../support/attack-harness.js'
import { RING_BYTES } from '../support/forged-segment.js'
import { hostileNative, SocketType, whyNotHostile } from '../support/hostile-native.js'
import { HostileClient, type HostilePeer } from '../support/hostile-peers.js'
import { RawPeer } from '../support/raw-peer.js'

const reason = whyNotHostile()
if (reason !== undefined) console.log(`skipped: ${reason}`)

const LINGER_SECONDS = 20
/** A thread that lingers blocks for longer, and any other thread for less, on any machine. */
const GAP_MS_MAX = 5_000
/** Time in which the victim receives the descriptor. */
const MEETING_MS = 300
const EPERM = 1
const EPIPE = 32
const OLD_KERNEL = 'before Linux 6.16, a socket cannot refuse descriptors'

/**
 * Passes a descriptor whose last close waits, and keeps no copy. Returns the error number of `pass`.
 * The wait ends after `meet`, during which the victim receives the descriptor.
 */
async function withLingering(
  pass: (lingering: number) => number,
  meet: () => Promise<void> = async () => {},
): Promise<number> {
  const [lingering, other] = hostileNative().lingering(LINGER_SECONDS)
  const failed = pass(lingering)
  try {
    if (failed === 0) closeSync(lingering)
    await meet()
    await sleep(MEETING_MS)
    return failed
  } finally {
    closeSync(other)
    // This process has the only copy, whose close no longer waits.
    if (failed !== 0) closeSync(lingering)
  }
}

const send = (socket: number, descriptor: number): number =>
  hostileNative().send(socket, '', Buffer.alloc(1), [descriptor])

describe.skipIf(reason !== undefined)('a descriptor whose close waits', () => {
  let harness: AttackHarness
  beforeAll(async () => {
    harness = await AttackHarness.begin()
  })

  async function expectNoGap(attack: () => Promise<void>): Promise<void> {
    expect(await harness.longestGapMs(attack)).toBeLessThan(GAP_MS_MAX)
    await harness.expectUnharmed()
  }

  it('cannot be sent on the control socket before HELLO', async ({ skip }) => {
    await expectNoGap(async () => {
      const control = new RawPeer(createConnection({ path: harness.path }))
      harness.closeLater({ close: () => control.socket.destroy() })
      await once(control.socket, 'connect')
      const socket = descriptorOf(control.socket) as number
      const failed = await withLingering((lingering) => send(socket, lingering))
      if (failed === 0) skip(OLD_KERNEL)
      expect(failed).toBe(EPERM)
    })
  })

  it.for(ROLES)('cannot be sent on the control socket of a channel, to a %s', async (role, { skip }) => {
    const peer = await harness.attack(role)
    await expectNoGap(async () => {
      const socket = descriptorOf(peer.control.socket) as number
      const failed = await withLingering((lingering) => send(socket, lingering))
      if (failed === 0) skip(OLD_KERNEL)
      expect(failed).toBe(EPERM)
    })
  })

  it.for(ROLES)('cannot be sent through the doorbell of a %s', async (role, { skip }) => {
    const peer = await harness.attack(role)
    await expectNoGap(async () => {
      const failed = await withLingering((lingering) => send(peer.doorbell, lingering))
      if (failed === 0) skip(OLD_KERNEL)
      expect(failed).toBe(EPERM)
    })
  })

  it.each(ROLES)('cannot be sent to the doorbell that a %s has accepted', async (role) => {
    const peer = await harness.attack(role)
    await expectNoGap(async () => {
      expect(await withLingering((lingering) => send(peer.ownDoorbell, lingering))).toBe(EPIPE)
    })
  })

  it('causes CORRUPT in the queue of a doorbell', async () => {
    await expectNoGap(async () => {
      const client = harness.closeLater(await HostileClient.greet(harness.path))
      const pass = (lingering: number): number => {
        expect(send(client.ownDoorbell, lingering)).toBe(0)
        const failed = client.sendDatagram()
        client.closeDoorbell()
        return failed
      }
      const failed = await withLingering(pass, async () => {
        expect(await client.answer()).toMatchObject({
          kind: FrameKind.REJECT,
          message: { code: ErrorCode.CORRUPT },
        })
      })
      expect(failed).toBe(0)
    })
  })

  it.each<[string, (client: HostilePeer, lingering: number) => number[]]>([
    ['in the queue of a socket', (client, lingering) => nested(client, lingering, SocketType.STREAM)],
    [
      'in the queue of a datagram socket',
      (client, lingering) => nested(client, lingering, SocketType.DATAGRAM),
    ],
    ['alone', (_client, lingering) => [lingering]],
    ['many times', (_client, lingering) => Array.from({ length: 253 }, () => lingering)],
  ])(
    'blocks no thread when a foreign client sends it to the handover socket, %s',
    async (_what, descriptors) => {
      await expectNoGap(async () => {
        const client = harness.closeLater(await HostileClient.greet(harness.path))
        const pass = (lingering: number): number => {
          const sent = descriptors(client, lingering)
          const failed = client.sendDatagram(sent, Buffer.alloc(16, 9))
          for (const descriptor of new Set(sent)) if (descriptor !== lingering) closeSync(descriptor)
          return failed
        }
        const failed = await withLingering(pass, async () => {
          client.control.send('HANDOVER_FULL')
          expect(await client.control.read()).toMatchObject({ kind: FrameKind.HANDOVER_READY })
        })
        expect(failed).toBe(0)
        expect(client.sendDatagram()).toBe(0)
        expect(await client.answer()).toMatchObject({ kind: FrameKind.READY })
        client.confirm(RING_BYTES)
        await harness.opened(client)
      })
    },
  )
})

/** Both ends of a pair, of which one has the descriptor in its queue. */
function nested(_client: HostilePeer, lingering: number, type: number): number[] {
  const [left, right] = hostileNative().pair(type)
  expect(send(left, lingering)).toBe(0)
  return [left, right]
}
