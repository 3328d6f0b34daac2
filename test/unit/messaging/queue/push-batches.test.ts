import { describe, expect, it } from 'vitest'
import { PushAnswer, PushFlag, PushResult } from '../../../../src/messaging/queue/protocol.js'
import { PushBatches } from '../../../../src/messaging/queue/push-batches.js'
import { waitFor } from '../../../support/wait-for.js'

interface Call {
  readonly flags: number
  readonly frames: string[]
  readonly answer: (...results: number[]) => void
  readonly fail: (error: Error) => void
}

/** A queue whose answers the test gives. */
function batches(messageBytes = 64 * 1024): { readonly calls: Call[]; readonly pushes: PushBatches } {
  const calls: Call[] = []
  const pushes = new PushBatches(
    (flags, frames) =>
      new Promise((resolve, reject) => {
        calls.push({
          flags,
          frames: frames.map(String),
          answer: (...results) =>
            resolve(Buffer.from(results.length === 0 ? [PushAnswer.ADDED] : [PushAnswer.EACH, ...results])),
          fail: reject,
        })
      }),
    () => messageBytes,
  )
  return { calls, pushes }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const { ADDED, DUPLICATE, FULL, TOO_LARGE } = PushResult

describe('PushBatches', () => {
  it('sends the pushes of one turn in one call', async () => {
    const { calls, pushes } = batches()
    const results = ['a', 'b', 'c'].map((id) => pushes.push(id, Buffer.from(id)))
    await turn()
    expect(calls.map(({ frames, flags }) => [flags, frames])).toEqual([[0, ['a', 'b', 'c']]])
    calls[0]?.answer()
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c'].map((id) => ({ id, duplicate: false })))
    await pushes.idle()
  })

  it('settles each push by its own result', async () => {
    const { calls, pushes } = batches()
    const results = ['a', 'b', 'c'].map((id) => pushes.push(id, Buffer.from(id)))
    await turn()
    calls[0]?.answer(ADDED, DUPLICATE, TOO_LARGE)
    expect(await results[0]).toEqual({ id: 'a', duplicate: false })
    expect(await results[1]).toEqual({ id: 'b', duplicate: true })
    await expect(results[2]).rejects.toMatchObject({ code: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE', executed: 'no' })
  })

  it('has at most four calls under way', async () => {
    const { calls, pushes } = batches()
    const all: Promise<unknown>[] = []
    for (let index = 0; index < 6; index += 1) {
      all.push(pushes.push(`${index}`, Buffer.from(`${index}`)))
      await turn()
    }
    expect(calls.map(({ frames }) => frames)).toEqual([['0'], ['1'], ['2'], ['3']])
    calls[0]?.answer()
    await turn()
    expect(calls[4]?.frames).toEqual(['4', '5'])
    for (const call of calls.slice(1)) call.answer()
    await Promise.all(all)
  })

  it('sends refused pushes again in their order, before later ones, with one call that waits', async () => {
    const { calls, pushes } = batches()
    const order: string[] = []
    const push = (id: string): Promise<unknown> => pushes.push(id, Buffer.from(id)).then(() => order.push(id))
    const all = [push('a'), push('b'), push('c')]
    await turn()
    all.push(push('d'))
    await turn()
    all.push(push('e'))
    calls[0]?.answer(ADDED, FULL, FULL)
    await turn()
    expect(calls).toHaveLength(2)
    // Sent before the queue was full, and refused because it is behind the others.
    calls[1]?.answer(FULL)
    await turn()
    expect([calls[2]?.flags, calls[2]?.frames]).toEqual([PushFlag.WAITS, ['b']])
    calls[2]?.answer()
    await turn()
    expect([calls[3]?.flags, calls[3]?.frames]).toEqual([PushFlag.WAITS, ['c', 'd']])
    calls[3]?.answer()
    await turn()
    expect([calls[4]?.flags, calls[4]?.frames]).toEqual([0, ['e']])
    calls[4]?.answer()
    await Promise.all(all)
    expect(order).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('sends few refused pushes again while the queue takes few, so that each travels a few times', async () => {
    const { calls, pushes } = batches()
    const all = Array.from({ length: 1_000 }, (_, index) => pushes.push(`${index}`, Buffer.from(`${index};`)))
    await turn()
    calls[0]?.answer(...Array.from({ length: 1_000 }, () => FULL))
    await turn()
    const added: string[] = []
    let travelled = 0
    for (let index = 1; added.length < 1_000; index += 1) {
      const { frames = [], answer } = calls[index] ?? {}
      travelled += frames.length
      added.push(frames[0] as string)
      // A worker frees one place at a time.
      answer?.(ADDED, ...frames.slice(1).map(() => FULL))
      await turn()
    }
    await Promise.all(all)
    expect(added).toEqual(Array.from({ length: 1_000 }, (_, index) => `${index};`))
    expect(travelled).toBeLessThanOrEqual(2_000)
  })

  it('sends more refused pushes again when the queue takes them', async () => {
    const { calls, pushes } = batches()
    const all = Array.from({ length: 15 }, (_, index) => pushes.push(`${index}`, Buffer.from('x')))
    await turn()
    calls[0]?.answer(...Array.from({ length: 15 }, () => FULL))
    for (let index = 1; index <= 4; index += 1) {
      await turn()
      calls[index]?.answer()
    }
    await Promise.all(all)
    expect(calls.slice(1).map(({ frames }) => frames.length)).toEqual([1, 2, 4, 8])
  })

  it('pauses after a message that should have waited and of which the queue took nothing', async () => {
    const { calls, pushes } = batches()
    const push = pushes.push('a', Buffer.from('a'))
    await turn()
    calls[0]?.answer(FULL)
    const beganMs = performance.now()
    for (let index = 1; index < 8; index += 1) {
      await waitFor(() => expect(calls).toHaveLength(index + 1))
      calls[index]?.answer(...(index === 7 ? [] : [FULL]))
    }
    await push
    expect(performance.now() - beganMs).toBeGreaterThan(5)
  })

  it('keeps messages of several pushes below the limit of the channel', async () => {
    const { calls, pushes } = batches(100)
    const all = Array.from({ length: 6 }, (_, index) => pushes.push(`${index}`, Buffer.alloc(40)))
    all.push(pushes.push('long', Buffer.alloc(200)))
    await turn()
    for (let index = 0; index < 4; index += 1) {
      calls[index]?.answer()
      await turn()
    }
    expect(calls.map(({ frames }) => frames.length)).toEqual([2, 2, 2, 1])
    await Promise.all(all)
  })

  it('rejects the pushes of a call that fails, and continues', async () => {
    const { calls, pushes } = batches()
    const first = pushes.push('a', Buffer.from('a'))
    await turn()
    const second = pushes.push('b', Buffer.from('b'))
    await turn()
    calls[0]?.fail(new Error('gone'))
    await expect(first).rejects.toThrow('gone')
    calls[1]?.answer()
    await second
  })

  it.each([[[]], [[9]], [[PushAnswer.EACH]], [[PushAnswer.EACH, 0, 0]], [[PushAnswer.EACH, 77]]])(
    'rejects pushes with CORRUPT for the answer %j',
    async (bytes) => {
      const pushes = new PushBatches(
        () => Promise.resolve(Buffer.from(bytes)),
        () => 64 * 1024,
      )
      await expect(pushes.push('a', Buffer.from('a'))).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_CORRUPT',
        executed: 'unknown',
      })
    },
  )

  it('rejects pushes beyond its bounds with BACKLOG', async () => {
    const { calls, pushes } = batches()
    const long = Buffer.alloc(40 * 1024 * 1024)
    const first = pushes.push('a', long)
    await expect(pushes.push('b', long)).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_BACKLOG',
      executed: 'no',
    })
    await turn()
    calls[0]?.answer()
    await first
    const one = Buffer.from('x')
    const many = Array.from({ length: 100_000 }, (_, index) => pushes.push(`${index}`, one).catch(() => {}))
    await expect(pushes.push('more', one)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_BACKLOG' })
    expect(many).toHaveLength(100_000)
  })
})
