import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeControl } from '../../src/messaging/attach/control-frame.js'
import { Conversation } from '../../src/messaging/attach/conversation.js'
import { bytesContract } from '../../src/messaging/bytes-contract.js'
import { CELL_METHODS, createCell } from '../../src/messaging/cell/create-cell.js'
import type { Cell } from '../../src/messaging/cell/types.js'
import { watch } from '../../src/messaging/cell/watch.js'
import { encodeTaken, encodeValue } from '../../src/messaging/cell/watch-frames.js'
import type { Contract } from '../../src/service/contract/contract.js'
import type { Handlers } from '../../src/service/contract/contract-types.js'
import { serve } from '../../src/service/serve.js'
import { integerFrom, newSeed, randomFrom } from '../support/random.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

const SERVICE = 'shmwire.cell'
const open: AsyncDisposable[] = []

beforeEach(() => {
  ownRuntimeDirectory()
})

afterEach(closeAll)

async function closeAll(): Promise<void> {
  await Promise.allSettled(
    open
      .splice(0)
      .toReversed()
      .map((each) => each[Symbol.asyncDispose]()),
  )
}

function keep<T extends AsyncDisposable>(each: T): T {
  open.push(each)
  return each
}

async function failure(promise: Promise<unknown>): Promise<{ code?: string; message: string }> {
  try {
    await promise
  } catch (error) {
    return error as { code?: string; message: string }
  }
  throw new Error('the promise resolved')
}

const HELLO = { version: 1, codec: 'msgpack' }
const WITHOUT_MEMORY = encodeControl({ ...HELLO, obstacle: 'none' })

/** A watcher that writes its own frames. */
async function converse(
  frames: readonly Buffer[],
  transport: 'auto' | 'socket' = 'socket',
): Promise<Conversation> {
  const conversation = new Conversation('cell', { transport })
  open.push({ [Symbol.asyncDispose]: () => conversation.close() })
  await conversation.open(SERVICE, 'watch')
  for (const frame of frames) conversation.send(frame)
  return conversation
}

/** Reads until the cell ends the conversation. */
async function endOf(conversation: Conversation): Promise<{ code?: string; message: string }> {
  return failure(
    (async () => {
      for (let count = 0; count < 1_000; count += 1) await conversation.next()
    })(),
  )
}

describe('a cell with a hostile watcher', () => {
  let number = 0

  async function newCell(): Promise<Cell> {
    return keep(await createCell('cell', 'first'))
  }

  /** The cell serves others. */
  async function expectUnaffected(cell: Cell): Promise<void> {
    const watched = keep(await watch('cell'))
    number += 1
    await cell.set(number)
    expect(watched.get()).toBe(number)
  }

  it.each([
    ['an empty message', Buffer.alloc(0)],
    ['another kind', Buffer.of(9, 1, 2)],
    ['text that is not JSON', Buffer.from('\0{')],
    ['no members', encodeControl({})],
    ['a version that is not a number', encodeControl({ ...HELLO, version: '1' })],
    ['a codec that is not a name', encodeControl({ ...HELLO, codec: 7 })],
    ['a long codec', encodeControl({ ...HELLO, codec: 'x'.repeat(65) })],
    ['a long reason', encodeControl({ ...HELLO, obstacle: 'x'.repeat(2_000) })],
  ])('ends the conversation after %s as the first message', async (_what, frame) => {
    const cell = await newCell()
    expect(await endOf(await converse([frame]))).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    await expectUnaffected(cell)
  })

  it('refuses another version and another codec', async () => {
    const cell = await newCell()
    const version = await endOf(await converse([encodeControl({ ...HELLO, version: 2 })]))
    expect(version).toMatchObject({ code: 'ERR_SHMWIRE_VERSION' })
    const codec = await endOf(await converse([encodeControl({ ...HELLO, codec: 'json' })]))
    expect(codec).toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
    await expectUnaffected(cell)
  })

  it('ends a conversation with an offer without descriptors', async () => {
    const cell = await newCell()
    const conversation = await converse([encodeControl(HELLO), encodeControl({ offered: true })], 'auto')
    expect(await endOf(conversation)).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    await expectUnaffected(cell)
  })

  it.each([
    ['a version that was not sent', encodeTaken(7)],
    ['a short acknowledgement', encodeTaken(1).subarray(0, 8)],
    ['a long acknowledgement', Buffer.concat([encodeTaken(1), Buffer.of(0)])],
    ['an impossible version', Buffer.concat([Buffer.of(2), Buffer.alloc(8, 0xff)])],
    ['version 0', Buffer.concat([Buffer.of(2), Buffer.alloc(8)])],
    ['a value', encodeValue(1, Buffer.of(1))],
    ['a control message', encodeControl({ done: true })],
    ['an empty message', Buffer.alloc(0)],
  ])('ends a conversation with %s after the begin', async (_what, frame) => {
    const cell = await newCell()
    const error = await endOf(await converse([WITHOUT_MEMORY, frame]))
    expect(error).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    await expectUnaffected(cell)
  })

  it('ends a conversation with a second acknowledgement of a value', async () => {
    const cell = await newCell()
    const error = await endOf(await converse([WITHOUT_MEMORY, encodeTaken(1), encodeTaken(1)]))
    expect(error).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    await expectUnaffected(cell)
  })

  it('disconnects a watcher that acknowledges nothing, and completes set', async () => {
    const cell = await newCell()
    const conversation = await converse([WITHOUT_MEMORY])
    for (let count = 0; count < 3; count += 1) await conversation.next()
    const watched = keep(await watch('cell', { channel: { transport: 'socket' } }))
    await cell.set('second')
    expect(watched.get()).toBe('second')
    expect(await endOf(conversation)).toMatchObject({ code: 'ERR_SHMWIRE_TIMEOUT' })
    await expectUnaffected(cell)
  })

  it('survives a flood of messages of a conversation that reads nothing', async () => {
    const cell = await newCell()
    await converse([WITHOUT_MEMORY, ...Array.from({ length: 20_000 }, () => Buffer.alloc(200, 7))])
    await expectUnaffected(cell)
  })
})

describe('a watcher of a hostile cell', () => {
  const WELCOME = { epoch: 'e', codec: 'msgpack' }
  const START = [encodeControl(WELCOME), encodeControl({ reason: 'none' })]
  const ONE = Buffer.of(1)

  /** A cell that sends these frames. With `hangs`, it does not end the conversation. */
  async function cellOf(frames: readonly Buffer[], hangs = false): Promise<void> {
    const handlers = {
      async *watch(_requests: unknown, { signal }: { signal: AbortSignal }) {
        yield* frames
        if (hangs) await new Promise((resolve) => signal.addEventListener('abort', resolve))
      },
    }
    const contract = bytesContract(SERVICE, CELL_METHODS)
    keep(await serve('cell', handlers as unknown as Handlers<Contract>, { contract }))
  }

  it.each([
    ['a value', encodeValue(1, ONE)],
    ['no JSON', Buffer.from('\0x')],
    ['no members', encodeControl({})],
    ['a long epoch', encodeControl({ ...WELCOME, epoch: 'e'.repeat(100) })],
  ])('rejects a cell that begins with %s', async (_what, frame) => {
    await cellOf([frame])
    expect(await failure(watch('cell'))).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
  })

  it.each([
    ['a token of another length', [encodeControl({ token: 'ab' })]],
    ['no reason', [encodeControl({ reason: '' })]],
    ['a control message in place of a value', [encodeControl({ reason: 'none' }), encodeControl({})]],
    ['a short value', [encodeControl({ reason: 'none' }), encodeValue(1, ONE).subarray(0, 8)]],
    ['version 0', [encodeControl({ reason: 'none' }), encodeValue(0, ONE)]],
    [
      'an impossible version',
      [encodeControl({ reason: 'none' }), Buffer.concat([Buffer.of(1), Buffer.alloc(8, 0xff), ONE])],
    ],
  ])('rejects a cell that continues with %s', async (_what, frames) => {
    await cellOf([encodeControl(WELCOME), ...frames])
    expect(await failure(watch('cell'))).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
  })

  it('rejects a first value that cannot be decoded', async () => {
    await cellOf([...START, encodeValue(1, Buffer.of(0xc1))], true)
    expect(await failure(watch('cell'))).toMatchObject({ code: 'ERR_SHMWIRE_CODEC' })
  })

  it('rejects a cell that ends or hangs before the first value', async () => {
    await cellOf(START)
    expect(await failure(watch('cell'))).toMatchObject({ code: 'ERR_SHMWIRE_CLOSED' })
    await closeAll()
    await cellOf(START, true)
    expect(await failure(watch('cell', { timeoutMs: 100 }))).toMatchObject({ code: 'ERR_SHMWIRE_TIMEOUT' })
  })

  it.each([
    ['the same version again', encodeValue(3, ONE), 'ERR_SHMWIRE_CORRUPT'],
    ['an older version', encodeValue(2, ONE), 'ERR_SHMWIRE_CORRUPT'],
    ['another kind', Buffer.of(9), 'ERR_SHMWIRE_CORRUPT'],
    ['an empty message', Buffer.alloc(0), 'ERR_SHMWIRE_CORRUPT'],
    ['a value that cannot be decoded', encodeValue(4, Buffer.of(0xc1)), 'ERR_SHMWIRE_CODEC'],
  ])('ends with an error after %s, and keeps the value', async (_what, frame, code) => {
    await cellOf([...START, encodeValue(3, ONE), frame], true)
    const watched = keep(await watch('cell', { channel: { transport: 'socket' } }))
    const values: unknown[] = []
    const error = await failure(
      (async () => {
        for await (const value of watched) values.push(value)
      })(),
    )
    expect(error).toMatchObject({ code })
    expect(values).toEqual([1])
    expect(watched.get()).toBe(1)
    expect(watched.stale).toBe(true)
  })

  it('survives random values', async () => {
    const random = randomFrom(newSeed('random values'))
    for (let round = 0; round < 30; round += 1) {
      const frame = encodeValue(2, Buffer.of(0x93, 1, 2, 3))
      for (let change = integerFrom(random, 1, 3); change > 0; change -= 1)
        frame[integerFrom(random, 0, frame.length - 1)] = integerFrom(random, 0, 255)
      await cellOf([...START, encodeValue(1, ONE), frame])
      const watched = await watch('cell', { channel: { transport: 'socket' } })
      watched.on('value', () => {})
      const error = await new Promise<Error | undefined>((resolve) => {
        watched.once('stale', () => resolve(undefined))
        watched.once('close', resolve)
      })
      if (error !== undefined)
        expect(['ERR_SHMWIRE_CORRUPT', 'ERR_SHMWIRE_CODEC']).toContain((error as { code?: string }).code)
      await watched.close()
      await closeAll()
    }
  })
})
