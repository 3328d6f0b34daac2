import { describe, expect, it } from 'vitest'
import { PushAnswer, PushFlag, PushResult } from '../../../../src/messaging/queue/protocol.js'
import { PushBatches } from '../../../../src/messaging/queue/push-batches.js'

interface Call {
  readonly flags: number
  readonly frames: string[]
  readonly answer: (...results: number[]) => void
  readonly fail: (error: Error) => void
}

/** A queue whose answers the test gives. */
function batches(): { readonly calls: Call[]; readonly pushes: PushBatches } {
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
    expect([calls[2]?.flags, calls[2]?.frames]).toEqual([PushFlag.WAITS, ['b', 'c', 'd']])
    calls[2]?.answer(ADDED, FULL, FULL)
    await turn()
    expect([calls[3]?.flags, calls[3]?.frames]).toEqual([PushFlag.WAITS, ['c', 'd']])
    calls[3]?.answer()
    await turn()
    expect([calls[4]?.flags, calls[4]?.frames]).toEqual([0, ['e']])
    calls[4]?.answer()
    await Promise.all(all)
    expect(order).toEqual(['a', 'b', 'c', 'd', 'e'])
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
      const pushes = new PushBatches(() => Promise.resolve(Buffer.from(bytes)))
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
