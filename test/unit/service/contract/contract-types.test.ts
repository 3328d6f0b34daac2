import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { jsonSchema } from '../../../../src/schema/json-schema.js'
import type { CallContext, CallOptions } from '../../../../src/service/call/call-context.js'
import type { Contract } from '../../../../src/service/contract/contract.js'
import type {
  AnswerStream,
  CallStream,
  Handlers,
  ServiceClient,
} from '../../../../src/service/contract/contract-types.js'
import {
  bidi,
  clientStream,
  contract,
  serverStream,
  unary,
} from '../../../../src/service/contract/define-contract.js'

interface User {
  readonly id: number
}

const Users = contract('user.UserService', {
  getUser: unary({
    input: z.object({ id: z.string().transform(Number), tags: z.array(z.string()).default([]) }),
    output: z.object({ at: z.string().transform((text) => text.length) }),
  }),
  streamUsers: serverStream({
    input: v.object({ after: v.optional(v.number()) }),
    output: jsonSchema<User>({}),
  }),
  upload: clientStream({ input: type({ part: 'string' }), output: type({ count: 'number' }) }),
  chat: bidi({ input: z.string(), output: z.number() }),
  ping: unary(),
  search: unary({ input: { type: 'object' }, output: { type: 'object' } }),
})

type UsersHandlers = Handlers<typeof Users>
type UsersClient = ServiceClient<typeof Users>

// The compiler checks these: `tsc -p test`.
describe('the types of a contract', () => {
  it('give a handler the result of the input schema, and let it return what the output schema accepts', () => {
    expectTypeOf<UsersHandlers['getUser']>().toEqualTypeOf<
      (
        request: { id: number; tags: string[] },
        context: CallContext,
      ) => { at: string } | Promise<{ at: string }>
    >()
    expectTypeOf<UsersHandlers['streamUsers']>().toEqualTypeOf<
      (request: { after?: number | undefined }, context: CallContext) => AnswerStream<User>
    >()
    expectTypeOf<UsersHandlers['upload']>().toEqualTypeOf<
      (
        requests: AsyncIterable<{ part: string }>,
        context: CallContext,
      ) => { count: number } | Promise<{ count: number }>
    >()
    expectTypeOf<UsersHandlers['chat']>().toEqualTypeOf<
      (requests: AsyncIterable<string>, context: CallContext) => AnswerStream<number>
    >()
    expectTypeOf<UsersHandlers['ping']>().toEqualTypeOf<
      (request: undefined, context: CallContext) => void | Promise<void>
    >()
  })

  it('let a caller pass what the input schema accepts, and give it what the handler returned', () => {
    expectTypeOf<UsersClient['getUser']>().toEqualTypeOf<
      (request: { id: string; tags?: string[] | undefined }, options?: CallOptions) => Promise<{ at: string }>
    >()
    expectTypeOf<UsersClient['streamUsers']>().toEqualTypeOf<
      (request: { after?: number | undefined }, options?: CallOptions) => CallStream<User>
    >()
    expectTypeOf<UsersClient['upload']>().toEqualTypeOf<
      (
        requests: AsyncIterable<{ part: string }> | Iterable<{ part: string }>,
        options?: CallOptions,
      ) => Promise<{ count: number }>
    >()
    expectTypeOf<UsersClient['chat']>().toEqualTypeOf<
      (requests: AsyncIterable<string> | Iterable<string>, options?: CallOptions) => CallStream<number>
    >()
    expectTypeOf<UsersClient['ping']>().toEqualTypeOf<
      (request?: undefined, options?: CallOptions) => Promise<void>
    >()
    expectTypeOf<UsersClient['search']>().toEqualTypeOf<
      (request?: unknown, options?: CallOptions) => Promise<unknown>
    >()
  })

  it('accept async generators and plain functions as handlers', () => {
    const handlers: UsersHandlers = {
      getUser: ({ id, tags }, { signal }) => ({ at: `${id} ${tags.length} ${signal.aborted}` }),
      async *streamUsers({ after = 0 }) {
        yield { id: after }
      },
      async upload(parts) {
        let count = 0
        for await (const { part } of parts) count += part.length
        return { count }
      },
      async *chat(lines) {
        for await (const line of lines) yield line.length
      },
      ping() {},
      search: async () => undefined,
    }
    // @ts-expect-error -- the output schema takes a string
    handlers satisfies { getUser: () => { at: number } }
    // @ts-expect-error -- the contract has no such method
    const extra: UsersHandlers = { ...handlers, getUsers: () => {} }
    return extra
  })

  it('are loose for a contract that is loaded at run time', () => {
    expectTypeOf<Handlers<Contract>[string]>().returns.toBeAny()
    expectTypeOf<ServiceClient<Contract>[string]>().returns.toBeAny()
  })
})

interface Plain {
  readonly version: string
  $internal(): void
  now(): Date
  getUser(request: { id: number }): Promise<User | undefined>
  streamUsers(request: object): AsyncGenerator<User, void>
  upload(parts: AsyncIterable<Uint8Array>): Promise<number>
  chat(lines: AsyncIterable<string>): AsyncIterable<string>
}

describe('the types of a service without a contract', () => {
  it('come from an interface', () => {
    expectTypeOf<ServiceClient<Plain>>().toEqualTypeOf<{
      readonly now: (request?: undefined, options?: CallOptions) => Promise<Date>
      readonly getUser: (request: { id: number }, options?: CallOptions) => Promise<User | undefined>
      readonly streamUsers: (request: object, options?: CallOptions) => CallStream<User>
      readonly upload: (requests: AsyncIterable<Uint8Array>, options?: CallOptions) => Promise<number>
      readonly chat: (requests: AsyncIterable<string>, options?: CallOptions) => CallStream<string>
    }>()
    expectTypeOf<Handlers<Plain>>().toEqualTypeOf<{
      readonly now: (request: undefined, context: CallContext) => Date | Promise<Date>
      readonly getUser: (
        request: { id: number },
        context: CallContext,
      ) => User | undefined | Promise<User | undefined>
      readonly streamUsers: (request: object, context: CallContext) => AsyncIterable<User>
      readonly upload: (request: AsyncIterable<Uint8Array>, context: CallContext) => number | Promise<number>
      readonly chat: (request: AsyncIterable<string>, context: CallContext) => AsyncIterable<string>
    }>()
  })

  it('come from an implementation, without the context', () => {
    const implementation = {
      async getUser({ id }: { id: number }, { signal }: CallContext) {
        return { id, aborted: signal.aborted }
      },
    }
    expectTypeOf<ServiceClient<typeof implementation>['getUser']>().toEqualTypeOf<
      (request: { id: number }, options?: CallOptions) => Promise<{ id: number; aborted: boolean }>
    >()
    expectTypeOf(implementation).toExtend<Handlers<typeof implementation>>()
  })

  it('leave a request and an answer open that the service leaves open', () => {
    // biome-ignore lint/suspicious/noExplicitAny: the type of many handlers in JavaScript
    type Loose = { greet(request: any): any }
    // biome-ignore lint/suspicious/noExplicitAny: as above
    type Call = (request?: any, options?: CallOptions) => any
    expectTypeOf<ServiceClient<Loose>['greet']>().toEqualTypeOf<Call>()
  })

  it('have no names that no method can have', () => {
    type Odd = { toString(): string; toJSON(): object; then(): void; greet(): string }
    expectTypeOf<keyof ServiceClient<Odd>>().toEqualTypeOf<'greet'>()
  })
})
