import { afterEach } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { ErrorCode, ShmwireError } from '../../src/errors.js'
import { type CallContext, tracked } from '../../src/service/call/call-context.js'
import type { ClientMembers, ClientOptions } from '../../src/service/client.js'
import { serve } from '../../src/service/serve.js'
import { ServiceError } from '../../src/service-error.js'
import { createChannelPair } from '../../src/testing/channel-pair.js'
import { type TestClient, type TestClientOptions, testClient, testContract } from './services.js'

export const ABSENT = { status: 'UNAVAILABLE', executed: 'no' }

export type Names = 'echo' | 'count' | 'fail' | 'hang'

export const CONTRACT = testContract(
  { echo: 'unary', count: 'serverStream', fail: { kind: 'unary', idempotent: true }, hang: 'unary' },
  's',
)

/** A server that can be absent, for clients that open their channels themselves. */
export class Place {
  readonly served: Channel[] = []
  attempts = 0
  absence: Error | undefined = new ShmwireError(ErrorCode.NOT_LISTENING, 'not yet')
  readonly handlers: object

  constructor(handlers: object) {
    this.handlers = handlers
  }

  readonly open = async (): Promise<Channel> => {
    this.attempts += 1
    if (this.absence !== undefined) throw this.absence
    const [left, right] = createChannelPair()
    await serve(right, this.handlers, { name: 's' })
    this.served.push(right)
    return left
  }

  /** The server ends, and does not come back by itself. */
  end(how: (channel: Channel) => unknown = (channel) => channel.destroy()): void {
    this.absence = new ShmwireError(ErrorCode.NOT_LISTENING, 'not any more')
    for (const channel of this.served.splice(0)) how(channel)
  }

  begin(): void {
    this.absence = undefined
  }
}

export const clients: ClientMembers[] = []

afterEach(async () => {
  for (const calls of clients.splice(0)) await calls.$close({ timeoutMs: 1_000 }).catch(() => {})
})

export function place(handlers: Record<string, (...args: never[]) => unknown> = {}): Place {
  return new Place({
    echo: (message: unknown) => message,
    async *count(to: number, { lastEventId }: CallContext) {
      for (let number = Number(lastEventId ?? -1) + 1; number < to; number += 1)
        yield tracked(`${number}`, number)
    },
    fail: () => {
      throw new ServiceError('UNAVAILABLE', 'busy')
    },
    hang: () => new Promise(() => {}),
    ...handlers,
  })
}

export async function open(at: Place, options: TestClientOptions = {}): Promise<TestClient<Names>> {
  const calls = await testClient<Names>(at.open, { contract: CONTRACT, ...options })
  clients.push(calls)
  return calls
}

export async function opened(
  handlers: Parameters<typeof place>[0],
  options?: ClientOptions,
): Promise<[TestClient<Names>, Place]> {
  const at = place(handlers)
  at.begin()
  return [await open(at, options), at]
}
