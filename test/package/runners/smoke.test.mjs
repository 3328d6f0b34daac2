// For Jest and Vitest, which both define `test` and `expect`.
import * as shmwire from 'shmwire'
import { smoke } from './smoke.mjs'

// Only the modules of Jest have this member.
const { jest } = import.meta

function fakeTimers() {
  if (jest !== undefined) jest.useFakeTimers()
  // Not `nextTick`, without which the sockets of Node stop. Jest has a process object of its own.
  else vi.useFakeTimers({ toFake: FAKED })
}

const FAKED = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'queueMicrotask',
  'performance',
  'hrtime',
  'Date',
]

afterEach(() => (jest ?? vi).useRealTimers())

for (const transport of ['shm', 'unix']) {
  test(`exchanges messages by ${transport}`, async () => {
    const expectEqual = (received, sent) => expect(received).toEqual(sent)
    // The runners run this file in several environments at once.
    const address = `smoke-${globalThis.ENVIRONMENT}-${transport}`
    await smoke(shmwire, { transport, address, expectEqual, fakeTimers })
  })
}
