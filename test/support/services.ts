import type { MessageType } from '../../src/schema/message-type.js'
import type { CallOptions } from '../../src/service/call/call-context.js'
import {
  type ClientMembers,
  type ClientOptions,
  type ContractClientOptions,
  client,
} from '../../src/service/client.js'
import type { ClientTarget } from '../../src/service/client-connection.js'
import type { CallKind, Contract, Method } from '../../src/service/contract/contract.js'
import { invalidMessage } from '../../src/service-error.js'
import type { Status } from '../../src/status.js'

/** The result of a call: a promise, a stream, or both without a contract. */
// biome-ignore lint/suspicious/noExplicitAny: the tests know the types of their messages
type Answer = Promise<any> & AsyncIterableIterator<any, undefined> & { readonly lastEventId?: string }

type Call = (request?: unknown, options?: CallOptions) => Answer

/** A client whose methods have the names of its test. */
export type TestClient<Names extends string = string> = ClientMembers & Readonly<Record<Names, Call>>

export type TestClientOptions = ClientOptions & { contract?: Contract | undefined }

/** A client with any contract, or without one. */
export async function testClient<Names extends string>(
  target: ClientTarget,
  options: TestClientOptions = {},
): Promise<TestClient<Names>> {
  const made: object = await client(target, options as ContractClientOptions)
  return made as TestClient<Names>
}

/** Any message. */
export const anyMessage: MessageType = { empty: false, parse: (value) => value }

/** Messages for which `fault` returns undefined; `isAsync` makes the check a promise. The others are an error with `status`. */
export function checkedMessage(
  fault: (value: unknown) => string | undefined,
  isAsync = false,
  status: Status = 'INVALID_ARGUMENT',
): MessageType & { readonly seen: unknown[] } {
  const seen: unknown[] = []
  const parse = (value: unknown): unknown => {
    seen.push(value)
    const description = fault(value)
    if (description !== undefined)
      throw invalidMessage('the message', [{ field: 'value', description }], status)
    return value
  }
  return { empty: false, seen, parse: isAsync ? async (value) => parse(value) : parse }
}

/** Only numbers. */
export function numberMessage(isAsync = false, status?: Status): MessageType & { readonly seen: unknown[] } {
  return checkedMessage(
    (value) => (typeof value === 'number' ? undefined : 'must be a number'),
    isAsync,
    status,
  )
}

type MethodParts = Partial<Method> & Pick<Method, 'kind'>

/** A contract of any messages, unless a method has other ones. */
export function testContract(
  methods: Readonly<Record<string, CallKind | MethodParts>>,
  name = 'test.Service',
): Contract {
  const entries = Object.entries(methods).map(([method, parts]) => [method, methodOf(parts)] as const)
  return { name, methods: Object.fromEntries(entries), hash: '0123456789abcdef' }
}

function methodOf(parts: CallKind | MethodParts): Method {
  const own: MethodParts = typeof parts === 'string' ? { kind: parts } : parts
  return { input: anyMessage, output: anyMessage, safe: false, idempotent: false, http: [], ...own }
}

/** All messages of a stream. */
export async function all<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = []
  for await (const message of messages) taken.push(message)
  return taken
}

/** The first `count` messages of a stream; then the loop is left. */
export async function first<T>(messages: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = []
  for await (const message of messages) {
    taken.push(message)
    if (taken.length === count) break
  }
  return taken
}

/** The numbers from 0 to `count`, without it. */
export async function* numbers(count: number): AsyncGenerator<number> {
  for (let number = 0; number < count; number += 1) yield number
}

/** The error of a call or a stream that fails. */
export async function failure(call: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await call
  } catch (error) {
    return error as Record<string, unknown>
  }
  throw new Error('the call succeeded')
}
