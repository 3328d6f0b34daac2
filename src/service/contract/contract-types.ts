import type { MessageType } from '../../schema/message-type.js'
import type { CallContext, CallOptions, Tracked } from '../call/call-context.js'
import type { CallKind, Contract, Method } from './contract.js'

/**
 * The received messages of a stream, for one `for await` loop. While the loop is busy, the sender is stopped when 64 messages or 256 KiB
 * wait. To leave the loop early cancels the call.
 */
export interface CallStream<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  /** The id of the last tracked message that the loop has taken, for `lastEventId` of the next call. */
  readonly lastEventId: string | undefined
  return(): Promise<IteratorResult<T, undefined>>
}

/** The messages of a handler that answers with a stream. */
export type AnswerStream<T> = AsyncIterable<T | Tracked<T>> | Iterable<T | Tracked<T>>

/**
 * The object that `serve` takes for a contract, `Handlers<typeof Users>`: a handler for each method, which gets the request and the context
 * of the call. Or for an interface whose methods describe a service without a contract.
 */
export type Handlers<Service> =
  Service extends Contract<infer Methods> ? ContractHandlers<Methods> : PlainHandlers<Service>

/**
 * The client of a service with a contract, `ServiceClient<typeof Users>`: a function for each method, which takes the request and the
 * options of the call. Or of a service without a contract, from an interface whose methods describe it.
 */
export type ServiceClient<Service> =
  Service extends Contract<infer Methods> ? ContractClient<Methods> : PlainClient<Service>

// A contract that is loaded at run time has no names of methods.
type ContractHandlers<Methods> = string extends keyof Methods
  ? Readonly<Record<string, UntypedHandler>>
  : { readonly [Name in keyof Methods]: HandlerOf<Methods[Name]> }

type ContractClient<Methods> = string extends keyof Methods
  ? Readonly<Record<string, UntypedCall>>
  : { readonly [Name in keyof Methods]: CallOf<Methods[Name]> }

// biome-ignore lint/suspicious/noExplicitAny: see ContractHandlers
type UntypedHandler = (request: any, context: CallContext) => any
/** A function of a client whose methods are not known. */
// biome-ignore lint/suspicious/noExplicitAny: its types are not known
export type UntypedCall = (request?: any, options?: CallOptions) => any

type HandlerOf<M> =
  M extends Method<infer Kind, infer Input, infer Output>
    ? HandlerOfKind<Received<Input>, Sent<Output>>[Kind]
    : never

interface HandlerOfKind<Request, Response> extends Record<CallKind, unknown> {
  unary: (request: Request, context: CallContext) => Response | Promise<Response>
  serverStream: (request: Request, context: CallContext) => AnswerStream<Response>
  clientStream: (requests: AsyncIterable<Request>, context: CallContext) => Response | Promise<Response>
  bidi: (requests: AsyncIterable<Request>, context: CallContext) => AnswerStream<Response>
}

type CallOf<M> =
  M extends Method<infer Kind, infer Input, infer Output>
    ? CallOfKind<Sent<Input>, Received<Output>>[Kind]
    : never

interface CallOfKind<Request, Response> extends Record<CallKind, unknown> {
  unary: (...call: RequestAndOptions<Request>) => Promise<Response>
  serverStream: (...call: RequestAndOptions<Request>) => CallStream<Response>
  clientStream: (requests: Messages<Request>, options?: CallOptions) => Promise<Response>
  bidi: (requests: Messages<Request>, options?: CallOptions) => CallStream<Response>
}

type RequestAndOptions<Request> = undefined extends Request
  ? [request?: Request, options?: CallOptions]
  : [request: Request, options?: CallOptions]

/** A stream that a caller sends. */
type Messages<T> = AsyncIterable<T> | Iterable<T>

type Sent<Type extends MessageType> = NonNullable<Type['types']>['sent']
type Received<Type extends MessageType> = NonNullable<Type['types']>['received']

type PlainHandlers<Service> = {
  readonly [Name in MethodNames<Service>]: PlainHandler<Service[Name]>
}

type PlainClient<Service> = {
  readonly [Name in MethodNames<Service>]: PlainCall<Service[Name]>
}

// Those of method-name.ts. `object` has no keys in TypeScript.
type ReservedName =
  | 'then'
  | 'toJSON'
  | 'constructor'
  | 'hasOwnProperty'
  | 'isPrototypeOf'
  | 'propertyIsEnumerable'
  | 'toLocaleString'
  | 'toString'
  | 'valueOf'

/** The names of the members that can be methods of a service. */
type MethodNames<Service> = {
  [Name in keyof Service]: Name extends ReservedName | `$${string}`
    ? never
    : Service[Name] extends AnyFunction
      ? Name
      : never
}[keyof Service] &
  string

// biome-ignore lint/suspicious/noExplicitAny: the constraint of a function with any parameters
type AnyFunction = (...parameters: any[]) => unknown

type PlainHandler<F> = F extends AnyFunction
  ? (
      request: Parameter<F>,
      context: CallContext,
    ) => ReturnType<F> extends AsyncIterable<infer T>
      ? AsyncIterable<T>
      : MaybePromise<Awaited<ReturnType<F>>>
  : never

type PlainCall<F> = F extends AnyFunction
  ? (...call: PlainParameters<Parameter<F>>) => PlainResult<ReturnType<F>>
  : never

// Without a contract, only an async iterable is a stream: an array is one message.
type PlainParameters<Request> =
  IsAny<Request> extends true
    ? Parameters<UntypedCall>
    : [Request] extends [AsyncIterable<infer T>]
      ? [requests: AsyncIterable<T>, options?: CallOptions]
      : RequestAndOptions<Request>

type PlainResult<Result> =
  IsAny<Result> extends true
    ? ReturnType<UntypedCall>
    : Result extends AsyncIterable<infer T>
      ? CallStream<Untracked<T>>
      : Promise<Awaited<Result>>

// Only `any` makes an intersection with 1 that contains 0.
type IsAny<T> = 0 extends 1 & T ? true : false

type Untracked<T> = T extends Tracked<infer Message> ? Message : T

/** The first parameter; undefined if there is none. */
type Parameter<F extends AnyFunction> = Parameters<F> extends [] ? undefined : Parameters<F>[0]

type MaybePromise<T> = T | Promise<T>
