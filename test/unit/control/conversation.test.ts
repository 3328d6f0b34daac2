import { expect, it } from 'vitest'
import { Conversation } from '../../../src/control/conversation.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'
import { socketPair } from '../../support/socket-pair.js'

const ended: [string, (conversation: Conversation) => void][] = [
  ['was aborted', (conversation) => conversation.abort()],
  [
    'was dismissed',
    (conversation) => conversation.dismiss(new ShmwireError(ErrorCode.UNAVAILABLE, 'too many')),
  ],
  [
    'was refused and then aborted',
    (conversation) => {
      conversation.refuse(new ShmwireError(ErrorCode.DENIED, 'not you'))
      conversation.abort()
    },
  ],
]

it.each(ended)('cleans up once, in the reverse order, when it %s', async (_how, end) => {
  const { server } = await socketPair()
  const conversation = new Conversation(server)
  const calls: number[] = []
  for (const call of [1, 2, 3]) conversation.onFailure(() => calls.push(call))
  end(conversation)
  conversation.abort()
  expect(calls).toEqual([3, 2, 1])
})

it.each(ended)('cleans up at once what is registered after it %s', async (_how, end) => {
  const { server } = await socketPair()
  const conversation = new Conversation(server)
  end(conversation)
  let calls = 0
  conversation.onFailure(() => {
    calls += 1
    throw new Error('a clean-up that fails disturbs nobody')
  })
  expect(calls).toBe(1)
  conversation.abort()
  expect(calls).toBe(1)
  expect(() => conversation.assertGoing()).toThrow(ShmwireError)
})

it('cleans nothing up after a success', async () => {
  const { server } = await socketPair()
  const conversation = new Conversation(server)
  let calls = 0
  conversation.onFailure(() => (calls += 1))
  expect(conversation.complete()).toBe(true)
  conversation.onFailure(() => (calls += 1))
  conversation.abort()
  expect(calls).toBe(0)
  expect(server.destroyed).toBe(false)
})
