import type { Channel } from '../../src/channel/channel.js'
import type { ClientOptions } from '../../src/service/client.js'
import type { Contract } from '../../src/service/contract/contract.js'
import {
  type ContractServeOptions,
  type RunningService,
  type ServeOptions,
  serve,
} from '../../src/service/serve.js'
import type { ChannelPairOptions } from '../support/channel-pairs.js'
import { type TestClient, testClient } from '../support/services.js'
import type { ChannelFixture } from './channel-fixture.js'

export interface OpenOptions {
  readonly contract?: Contract | undefined
  readonly serve?: ServeOptions
  readonly client?: ClientOptions
  readonly channel?: ChannelPairOptions
}

export interface Opened<Names extends string> {
  readonly calls: TestClient<Names>
  readonly service: RunningService
  /** The channel of the caller, and that of the service. */
  readonly left: Channel
  readonly right: Channel
}

/** Joins two channels, serves `handlers` on one of them, and makes a client on the other. */
export async function open<Names extends string>(
  fixture: ChannelFixture,
  handlers: Readonly<Record<Names, (...args: never[]) => unknown>>,
  { contract, channel, ...options }: OpenOptions = {},
): Promise<Opened<Names>> {
  const [left, right] = await fixture.join(channel)
  const service = await serve(right, handlers, {
    contract,
    // By default, callers over the network do not get the errors of handlers.
    exposeErrors: 'always',
    ...options.serve,
  } as ContractServeOptions)
  const calls = await testClient<Names>(left, { contract, ...options.client })
  return { calls, service, left, right }
}

/** A promise with its function. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let resolve!: () => void
  const opened = new Promise<void>((resolveOpened) => {
    resolve = resolveOpened
  })
  return { opened, open: resolve }
}
