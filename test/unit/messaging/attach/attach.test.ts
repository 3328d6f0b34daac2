import { describe, expect, it } from 'vitest'
import { HandoverSlots } from '../../../../src/control/handover-slots.js'
import { ErrorCode, ShmwireError } from '../../../../src/errors.js'
import type { ServerMemory } from '../../../../src/listen.js'
import {
  type AttachableReader,
  attachAsClient,
  type ClientAttachment,
} from '../../../../src/messaging/attach/client-attach.js'
import type { Frames } from '../../../../src/messaging/attach/control-frame.js'
import { attachAsServer, type ServerAttachment } from '../../../../src/messaging/attach/server-attach.js'
import type { NativeHandoverSocket } from '../../../../src/native/binding.js'
import { eventually } from '../../../support/turns.js'

const BOUNDS = { slots: 2, slotsPerOwner: 1, waiting: 4, waitingPerOwner: 4, waitMs: 20, waitMaxMs: 40 }

/** Everything that the two sides do. */
interface World {
  readonly log: string[]
  readonly slots: HandoverSlots
  readonly server: Partial<Parameters<typeof attachAsServer>[0]>
  readonly reader: Partial<AttachableReader>
  create?: () => AttachableReader
  obstacle?: string
  transport?: string
  handover?: Partial<NativeHandoverSocket>
}

function newWorld(parts: Partial<World> = {}): World {
  return { log: [], slots: new HandoverSlots(BOUNDS), server: {}, reader: {}, ...parts }
}

class Wire {
  readonly #frames: Buffer[] = []
  #wake: (() => void) | undefined

  readonly send = (frame: Buffer): void => {
    this.#frames.push(frame)
    this.#wake?.()
  }

  readonly frames: Frames = {
    next: async () => {
      while (this.#frames.length === 0)
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      return { done: false, value: this.#frames.shift() as Buffer }
    },
  }
}

function serverSide(world: World, frames: Frames): ReturnType<typeof attachAsServer> {
  const { log, slots } = world
  const handoverSocket: NativeHandoverSocket = {
    expect: () => log.push('expect'),
    discard: () => log.push('discard'),
    drain: () => log.push('drain') > 0,
    settle: () => true,
    close: () => {},
    ...world.handover,
  }
  const memory: ServerMemory = {
    native: { unavailable: 'of the test' },
    handoverSocket,
    obstacle: world.obstacle,
    slots,
  }
  const peer = { pid: 1, uid: 2, gid: 3, verified: true }
  const signal = new AbortController().signal
  return attachAsServer({
    memory,
    context: { channel: { transport: world.transport ?? 'shm' }, peer, signal } as never,
    frames,
    obstacle: undefined,
    accept: () => log.push('accept'),
    detach: (index) => log.push(`detach ${index}`),
    ...world.server,
  })
}

async function run(
  world: World,
): Promise<{ server: ServerAttachment | Error; client: ClientAttachment<AttachableReader> | Error }> {
  const [toServer, toClient] = [new Wire(), new Wire()]
  const serving = async (): Promise<ServerAttachment> => {
    const side = serverSide(world, toServer.frames)
    for (;;) {
      const result = await side.next()
      if (result.done === true) return result.value
      toClient.send(result.value)
    }
  }
  const reader: AttachableReader = {
    offer: () => world.log.push('offer') > 0,
    attach: () => world.log.push('attach'),
    close: () => world.log.push('close reader'),
    ...world.reader,
  }
  const client = attachAsClient({
    server: 'the topic',
    frames: toClient.frames,
    send: toServer.send,
    createReader: world.create ?? (() => reader),
    handoverPath: '/path.fd',
    credentials: undefined,
  }).catch((error: Error) => error)
  const server = await serving().catch((error: Error) => {
    // The end of the call is an error for the client.
    toClient.send(Buffer.from('\0{"reason":"the call ended"}'))
    return error
  })
  return { server, client: await client }
}

function failing(code: ErrorCode): () => never {
  return () => {
    throw Object.assign(new Error('of the addon'), { code })
  }
}

/** Nothing of the attempt is left. */
function expectReleased({ slots, log }: World): void {
  expect(slots.load).toEqual({ held: 0, waiting: 0 })
  expect(log.filter((entry) => entry === 'expect').length).toBe(
    log.filter((entry) => entry === 'discard').length > 0 ? 1 : 0,
  )
}

describe('the attachment of a reader', () => {
  it('gives the server an index and the client a reader', async () => {
    const world = newWorld()
    const { server, client } = await run(world)
    expect(server).toEqual({ index: 3 })
    expect(client).toHaveProperty('reader')
    expect(world.log).toEqual(['expect', 'offer', 'accept', 'attach', 'discard', 'discard'])
    expectReleased(world)
  })

  it.each([
    [
      'the server has none',
      { obstacle: 'the server has no shared memory' },
      'the server has no shared memory',
    ],
    ['the connection is on another machine', { transport: 'tcp' }, "the connection uses 'tcp'"],
    ['the peer is behind a gateway', { transport: 'ws' }, "the connection uses 'ws'"],
    ['the topic has none', { server: { obstacle: 'of the topic' } }, 'of the topic'],
    [
      'the reader cannot be created',
      { create: failing(ErrorCode.OUT_OF_MEMORY) },
      'cannot create its segment',
    ],
    ['the reader cannot send', { reader: { offer: failing(ErrorCode.UNAVAILABLE) } }, 'cannot transfer'],
    [
      'the server cannot accept',
      { server: { accept: failing(ErrorCode.UNAVAILABLE) } },
      "the reader's segment cannot be mapped",
    ],
    ['the server takes no token', { handover: { expect: failing(ErrorCode.UNAVAILABLE) } }, 'takes no token'],
    [
      'the handover socket cannot be read',
      { handover: { settle: failing(ErrorCode.UNAVAILABLE) } },
      'cannot be read',
    ],
    [
      'the client cannot map',
      { reader: { attach: failing(ErrorCode.OUT_OF_MEMORY) } },
      'the memory of the topic cannot be mapped',
    ],
  ] as [string, Partial<World>, string][])(
    'ends without shared memory on both sides if %s',
    async (_what, parts, text) => {
      const world = newWorld(parts)
      const { server, client } = await run(world)
      for (const side of [server, client]) expect((side as { reason: string }).reason).toContain(text)
      expect(world.log.filter((entry) => entry === 'accept').length).toBe(
        world.log.filter((entry) => entry.startsWith('detach')).length,
      )
      expectReleased(world)
    },
  )

  it('fails on both sides for an error that a fallback would hide', async () => {
    for (const parts of [
      { server: { accept: failing(ErrorCode.CORRUPT) } },
      { handover: { settle: failing(ErrorCode.DENIED) } },
    ]) {
      const world = newWorld(parts)
      expect((await run(world)).server).toBeInstanceOf(ShmwireError)
      expectReleased(world)
      expect(world.log).toContain('close reader')
    }
    const world = newWorld({ reader: { offer: failing(ErrorCode.CORRUPT) } })
    const wire = new Wire()
    const side = serverSide(world, wire.frames)
    await side.next()
    await side.return({ reason: 'the call ended' })
    expectReleased(world)
  })

  it('tries again after the handover socket was full', async () => {
    let full = 3
    const world = newWorld({
      reader: {
        offer: () => {
          full -= 1
          return full < 0
        },
      },
    })
    const { server, client } = await run(world)
    expect(server).toHaveProperty('index')
    expect(client).toHaveProperty('reader')
    expect(world.log.filter((entry) => entry === 'drain')).toHaveLength(3)
  })

  it('ends without shared memory when the handover socket stays full', async () => {
    const world = newWorld({ reader: { offer: () => false } })
    const { server, client } = await run(world)
    for (const side of [server, client])
      expect((side as { reason: string }).reason).toContain('full 100 times')
    expectReleased(world)
  })

  it('ends without shared memory when there is no slot', async () => {
    const world = newWorld()
    const held: (() => void)[] = []
    world.slots.request('process 1', (grant) => 'release' in grant && held.push(grant.release))
    const { server, client } = await run(world)
    for (const side of [server, client])
      expect((side as { reason: string }).reason).toContain('no free handshake slot')
    held[0]?.()
    expectReleased(world)
  })

  it('releases everything when the client does not take a message in time', async () => {
    const releases = async (taken: number): Promise<void> => {
      const world = newWorld()
      const wire = new Wire()
      const side = serverSide(world, wire.frames)
      wire.send(Buffer.from('\0{"offered":true}'))
      for (let count = 0; count < taken; count += 1) await side.next()
      await eventually(() => world.slots.load.held === 0)
      expectReleased(world)
      expect(world.log.filter((entry) => entry.startsWith('detach'))).toHaveLength(taken - 1)
      wire.send(Buffer.from('\0{"done":true}'))
      await expect(side.next()).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
      expectReleased(world)
    }
    // At once, because each waits for the limit of five seconds.
    await Promise.all([releases(1), releases(2)])
  }, 60_000)

  it('releases everything when the call ends after any message', async () => {
    for (let stop = 1; stop <= 2; stop += 1) {
      const world = newWorld()
      const wire = new Wire()
      const side = serverSide(world, wire.frames)
      wire.send(Buffer.from('\0{"offered":true}'))
      for (let count = 0; count < stop; count += 1) await side.next()
      await side.return({ reason: 'the call ended' })
      expectReleased(world)
      if (stop === 2) expect(world.log.at(-1)).toBe('discard')
      expect(world.log.filter((entry) => entry.startsWith('detach'))).toHaveLength(stop - 1)
    }
  })
})
