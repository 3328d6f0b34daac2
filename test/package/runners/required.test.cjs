// For Jest, which loads ES modules by `require` in Node 24.9 and later.
const shmwire = require('shmwire')
const { smoke } = require('./smoke.mjs')

afterEach(() => jest.useRealTimers())

test('exchanges messages with a required package', async () => {
  const expectEqual = (received, sent) => expect(received).toEqual(sent)
  const fakeTimers = () => jest.useFakeTimers()
  const address = `smoke-${globalThis.ENVIRONMENT}-required`
  await smoke(shmwire, { transport: 'shm', address, expectEqual, fakeTimers })
})
