// Rings that grow between two real processes, which check each message. test/hostile has peers that break the rules.
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { localAddress } from '../support/local-address.js'
import { countFromEnvironment, integerFrom, newSeed, randomFrom } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const KILLS = countFromEnvironment('SHMWIRE_KILLS', 5)
const STOPS = 25
/** The default of `ringBytes`. */
const RING_BYTES = 1 << 20
const LARGE_RING_BYTES = 64 << 20

interface Account {
  readonly received: number
  readonly fault?: string
  readonly error?: string
  readonly closed: string
  readonly ownMemoryBytes?: number
}

interface Pair {
  readonly server: Child
  readonly client: Child
}

beforeAll(() => ensureBuilt())

/** Resolves when both sides have begun to send. */
async function start(random: () => number, options: object): Promise<Pair> {
  const address = localAddress(temporaryDirectory())
  const side = (role: string): Child =>
    new Child('growing', {
      args: [role, address, integerFrom(random, 0, 2 ** 31), JSON.stringify(options)],
    })
  const server = side('server')
  expect(await server.next()).toEqual({ listening: true })
  const client = side('client')
  for (const child of [server, client]) expect(await child.next()).toEqual({ transport: 'shm' })
  return { server, client }
}

async function expectWhole(
  { server, client }: Pair,
  { count, ringBytes = RING_BYTES }: { count: number; ringBytes?: number },
): Promise<void> {
  for (const child of [server, client]) {
    const account = await child.next<Account>()
    expect(account).toMatchObject({ received: count, closed: 'in order' })
    expect([account.fault, account.error]).toEqual([undefined, undefined])
    // The ring has grown: all of its pages exist.
    if (process.platform === 'linux') expect(account.ownMemoryBytes).toBeGreaterThan(ringBytes)
    expect(child.stderr).toBe('')
  }
}

describe('rings that grow in both directions at once', () => {
  it.each([
    ['of the default size', { count: 1000 }],
    ['with views', { count: 1000, views: true }],
    ['of twice the small ring, with views', { count: 1000, views: true, ringBytes: 2 << 16 }],
    ['of 64 MiB', { count: 500, ringBytes: LARGE_RING_BYTES }],
    ['of blocking sides', { count: 200, blocking: true }],
    ['of busy sides', { count: 500, wait: 'spin' }],
  ])('deliver each message once and whole: %s', async (_how, options) => {
    const random = randomFrom(newSeed('elastic rings'))
    await expectWhole(await start(random, options), options)
  })

  // Windows has no SIGSTOP.
  it.skipIf(process.platform === 'win32').each(['server', 'client'] as const)(
    'deliver each message when the %s is stopped during the growth',
    async (stopped) => {
      const random = randomFrom(newSeed('stopped growth'))
      const count = 2000
      const pair = await start(random, { count })
      const { pid } = pair[stopped].process
      // The pauses are so long that the other side fills its ring, and waits for acceptance.
      for (let stop = 0; stop < STOPS; stop += 1) {
        if (!pair[stopped].running) break
        process.kill(pid as number, 'SIGSTOP')
        await sleep(integerFrom(random, 1, 20))
        process.kill(pid as number, 'SIGCONT')
        await sleep(integerFrom(random, 0, 4))
      }
      await expectWhole(pair, { count })
    },
  )

  it.each([
    ['server', 'client'],
    ['client', 'server'],
  ] as const)('end with PEER_GONE when the %s is killed during the growth', async (killed, survivor) => {
    const random = randomFrom(newSeed('killed growth'))
    for (let kill = 0; kill < KILLS; kill += 1) {
      const pair = await start(random, { count: 1_000_000, ringBytes: LARGE_RING_BYTES })
      await sleep(integerFrom(random, 0, 15))
      pair[killed].process.kill('SIGKILL')
      const account = await pair[survivor].next<Account>()
      expect(account).toMatchObject({ closed: ErrorCode.PEER_GONE })
      expect([account.fault, pair[survivor].stderr]).toEqual([undefined, ''])
      expect(await pair[survivor].ended).toMatchObject({ code: 0 })
    }
  })
})
