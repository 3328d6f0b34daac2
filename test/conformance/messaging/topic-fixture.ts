import { afterEach, expect } from 'vitest'
import type { KeepConnectedOptions } from '../../../src/keep-connected.js'
import type { ListenOptions, Server } from '../../../src/listen.js'
import { createTopic } from '../../../src/messaging/topic/create-topic.js'
import { openTopic } from '../../../src/messaging/topic/open-topic.js'
import { subscribe } from '../../../src/messaging/topic/subscribe.js'
import type {
  MessageInfo,
  OpenTopicOptions,
  SubscribeOptions,
  Subscription,
  Topic,
  TopicClient,
  TopicEngine,
  TopicOptions,
} from '../../../src/messaging/topic/types.js'
import type { MessageTransport } from '../../../src/messaging/types.js'
import { ownRuntimeDirectory } from '../../support/temporary-directory.js'

/** A way to reach topics. */
export interface TopicFixture {
  readonly name: string
  /** That of a subscription. */
  readonly transport: MessageTransport
  /** Carries the topics. Then only the tests run that do not need a publisher in this process. */
  readonly engine?: () => TopicEngine
  readonly address: () => string
  readonly server?: ListenOptions
  readonly client?: KeepConnectedOptions
}

let count = 0

/** An address that no other test has. */
export function newName(): string {
  count += 1
  return `topic-${process.pid}-${count}`
}

/** Topics and subscriptions of one test, which are closed after it. */
export class TopicWorld {
  readonly #fixture: TopicFixture
  readonly #open: AsyncDisposable[] = []

  constructor(fixture: TopicFixture) {
    this.#fixture = fixture
    afterEach(async () => {
      await Promise.allSettled(this.#open.splice(0).map((each) => each[Symbol.asyncDispose]()))
    })
  }

  async topic(options: TopicOptions = {}, target?: Server): Promise<Topic> {
    const { address, server } = this.#fixture
    const topic =
      target === undefined
        ? await createTopic(address(), { channel: server, engine: this.#fixture.engine?.(), ...options })
        : await createTopic(target, options)
    this.#open.push(topic)
    return topic
  }

  async subscribe(topic: Pick<Topic, 'address'>, options: SubscribeOptions = {}): Promise<Subscription> {
    const subscription = await subscribe(topic.address, {
      channel: this.#fixture.client,
      engine: this.#fixture.engine?.(),
      ...options,
    })
    this.#open.push(subscription)
    expect(subscription.transport).toBe(this.#fixture.transport)
    return subscription
  }

  async publisher(topic: Pick<Topic, 'address'>, options: OpenTopicOptions = {}): Promise<TopicClient> {
    const publisher = await openTopic(topic.address, { channel: this.#fixture.client, ...options })
    this.#open.push(publisher)
    return publisher
  }
}

/** A directory for the sockets of this file. */
export function useOwnDirectory(): void {
  ownRuntimeDirectory()
}

/** The history of a subscription: messages, and losses in their places. */
export interface Account {
  readonly messages: unknown[]
  readonly infos: MessageInfo[]
  readonly lost: (number | 'unknown')[]
  /** The first violation of the guarantees. */
  fault: string | undefined
  readonly end: Promise<Error | undefined>
}

/** Takes all messages of a subscription, and checks that each sequence follows from the one before and the losses. */
export function account(subscription: Subscription, pauseEvery = 0): Account {
  const begin = subscription.sequence
  let next = begin + 1
  const messages: unknown[] = []
  const infos: MessageInfo[] = []
  const lost: (number | 'unknown')[] = []
  const result: { fault: string | undefined } = { fault: undefined }
  subscription.on('lost', (countLost) => {
    lost.push(countLost)
    if (countLost !== 'unknown') next += countLost
  })
  const read = async (): Promise<Error | undefined> => {
    try {
      for await (const [message, info] of subscription.entries()) {
        if (info.sequence !== next) result.fault ??= `sequence ${info.sequence} instead of ${next}`
        next = info.sequence + 1
        messages.push(message)
        infos.push(info)
        if (pauseEvery > 0 && messages.length % pauseEvery === 0)
          await new Promise((resolve) => setTimeout(resolve, 2))
      }
      return undefined
    } catch (error) {
      return error as Error
    }
  }
  const end = read()
  return Object.assign(result, { messages, infos, lost, end })
}

/** The error of a promise that rejects. */
export async function rejection(promise: Promise<unknown>): Promise<{ code?: string; message: string }> {
  try {
    await promise
  } catch (error) {
    return error as { code?: string; message: string }
  }
  throw new Error('the promise resolved')
}
