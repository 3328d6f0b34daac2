import type { Channel } from '../channel/channel.js'
import type { KeepConnectedOptions } from '../keep-connected.js'
import { checkOptionNames, invalid, misuse, type WaitOptions } from '../options.js'
import type { BinaryEncoding } from '../schema/message-type.js'
import { BUILT_IN, JSON_FORM, type ServiceInfo } from './built-in-methods.js'
import type { CallOptions } from './call/call-context.js'
import type { CalledMethod } from './call/called-method.js'
import { isReserved } from './call/method-name.js'
import type { MethodStats } from './call/method-stats.js'
import type { WhenUnavailable } from './caller.js'
import { checkCallerOptions } from './caller-options.js'
import { ClientConnection, type ClientTarget } from './client-connection.js'
import type { Contract, Method } from './contract/contract.js'
import type { ServiceClient, UntypedCall } from './contract/contract-types.js'
import { isContract } from './contract/service-contract.js'
import type { Interceptor } from './interceptors.js'
import { type Invoke, ServiceCalls } from './service-calls.js'

/** The options of `client`. */
export interface ClientOptions {
  /** The name of a service without a contract. Default: the empty name, which `serve` also uses. */
  name?: string | undefined
  /** How long each call may take, in milliseconds, unless it has its own `timeoutMs`. Infinity: no limit. Default 30,000. */
  timeoutMs?: number | undefined
  /** Run for each call, the first one outermost. */
  interceptors?: readonly Interceptor[] | undefined
  /** Waits for a server that is not up yet, until `signal` fires. Default false: rejects if there is none. */
  waitForServer?: boolean | undefined
  /** While the server is absent, calls reject with UNAVAILABLE (`'fail'`), or wait within their bounds (`'wait'`). Default `'fail'`. */
  whenUnavailable?: WhenUnavailable | undefined
  /**
   * How often a call is repeated after a failure with the status UNAVAILABLE: if it surely did not run, or if its method is idempotent. A
   * budget bounds the retries of all calls together: ten, and one more for each ten successes. Default 2; from 0 to 10.
   */
  retries?: number | undefined
  /** The options of `keepConnected`, if the client connects itself. */
  channel?: KeepConnectedOptions | undefined
  /** Ends the wait for the first connection. */
  signal?: AbortSignal | undefined
}

/** The options of `client` with a contract. */
export interface ContractClientOptions<Service extends Contract = Contract> extends ClientOptions {
  /** The methods of the service. Without it, any name is a method. */
  contract: Service
}

type AnyClientOptions = ClientOptions & Partial<ContractClientOptions>

/** The members of every client. Methods of a service do not begin with `$`. */
export interface ClientMembers extends AsyncDisposable {
  /** Resolves when the service has answered. */
  $ping(options?: CallOptions): Promise<void>
  /** The name, version, contract hash and methods of the service. */
  $info(options?: CallOptions): Promise<ServiceInfo>
  /** The figures of each method, for all callers. */
  $stats(options?: CallOptions): Promise<Record<string, MethodStats>>
  /** The open channel, if there is one. */
  readonly $channel: Channel | undefined
  /** Ends the client, and its channel unless the program passed it. Open calls may end first; see `Channel.close`. */
  $close(options?: WaitOptions): Promise<void>
  /** The client keeps the process alive, which is the default. */
  $ref(): void
  /** The process may end while the client is open. */
  $unref(): void
}

const OPTION_NAMES: readonly string[] = [
  'contract',
  'name',
  'timeoutMs',
  'interceptors',
  'waitForServer',
  'whenUnavailable',
  'retries',
  'channel',
  'signal',
] satisfies (keyof ContractClientOptions)[]

/**
 * Connects to a service. Resolves to an object with a function for each method. The client outlives its server: it connects again whenever the
 * channel has ended.
 *
 * @param target an address, as for `connect`; a channel, which can have several clients; or a function that opens one
 * @throws `INVALID_ARGUMENT`, and the errors of `connect`
 */
export function client<Service extends Contract>(
  target: ClientTarget,
  options: ContractClientOptions<Service>,
): Promise<ServiceClient<Service> & ClientMembers>
/** Connects to a service without a contract: any name is a method. */
export function client(
  target: ClientTarget,
  options?: ClientOptions,
): Promise<Readonly<Record<string, UntypedCall>> & ClientMembers>
/**
 * Connects to a service without a contract, whose methods have the types of `Service`: an interface, or `typeof` the object that the server
 * passes to `serve`. Nothing checks them at run time.
 */
export function client<Service>(
  target: ClientTarget,
  options?: ClientOptions,
): Promise<ServiceClient<Service> & ClientMembers>
export async function client(target: ClientTarget, options: AnyClientOptions = {}): Promise<object> {
  const { connection, calls } = await connected(target, options)
  const { contract } = options
  const members = membersOf(connection, calls)
  return contract === undefined ? anyMethods(calls, members) : calls.addTo(members, contract)
}

/**
 * Opens a client for a gateway. Its server can be absent. `onChange` gets whether there is a channel, when this can have changed. Rejects with
 * the errors of `client` that waiting would not change.
 */
export type OpenClient = (
  target: ClientTarget,
  options: ContractClientOptions,
  onChange?: (connected: boolean) => void,
) => Promise<ClientFunctions>

/** A client for a gateway. */
export interface ClientFunctions {
  /** By the name of the method. Each takes a message, or an iterable of messages, and returns a promise or an iterable of them. */
  readonly functions: ReadonlyMap<string, Invoke>
  readonly members: ClientMembers
}

/**
 * A client of the messages' binary form: it passes and returns bytes. The function of a method without a binary form fails with `CODEC`.
 */
export const undecodedClient: OpenClient = (target, options, onChange) =>
  openFunctions(target, options, onChange, () => ({ binary: UNDECODED }))

/** A client of messages as programs have them. */
export const decodedClient: OpenClient = (target, options, onChange) =>
  openFunctions(target, options, onChange, ({ output }) => ({ output }))

async function openFunctions(
  target: ClientTarget,
  options: ContractClientOptions,
  onChange: ((connected: boolean) => void) | undefined,
  formOf: (method: Method) => Pick<CalledMethod, 'output' | 'binary'>,
): Promise<ClientFunctions> {
  checkOptions(options)
  const { contract, signal, channel } = options
  const connection = new ClientConnection(target, channel)
  if (onChange !== undefined) connection.onChange(onChange)
  const calls = await opened(connection, contract.name, options, connection.attempted(signal))
  const functions = Object.entries(contract.methods).map(([name, method]) => {
    const { kind, idempotent } = method
    return [name, calls.function(name, { kind, idempotent, ...formOf(method) })] as const
  })
  return { functions: new Map(functions), members: membersOf(connection, calls) }
}

const UNDECODED: BinaryEncoding = {
  // The bytes that arrive are valid for this turn only.
  decode: (bytes) => Buffer.from(bytes),
  encode: (bytes) => bytes as Uint8Array,
}

async function connected(
  target: ClientTarget,
  options: AnyClientOptions,
): Promise<{ connection: ClientConnection; calls: ServiceCalls }> {
  checkOptions(options)
  const { contract, name = contract?.name ?? '', waitForServer, signal } = options
  const connection = new ClientConnection(target, options.channel)
  const first = connection.first(waitForServer === true, signal)
  return { connection, calls: await opened(connection, name, options, first) }
}

async function opened(
  connection: ClientConnection,
  name: string,
  options: AnyClientOptions,
  ready: Promise<unknown>,
): Promise<ServiceCalls> {
  try {
    await ready
  } catch (error) {
    await connection.close(undefined)
    throw error
  }
  return new ServiceCalls(connection, name, options)
}

function membersOf(connection: ClientConnection, calls: ServiceCalls): ClientMembers {
  const settings = { kind: 'unary', idempotent: true } as const
  const ping = calls.function(BUILT_IN.ping, settings)
  const info = calls.function(BUILT_IN.info, { ...settings, binary: JSON_FORM.binary })
  const stats = calls.function(BUILT_IN.stats, { ...settings, binary: JSON_FORM.binary })
  const close = (options?: WaitOptions): Promise<void> => connection.close(options)
  return {
    $ping: (options) => ping(undefined, options) as Promise<void>,
    $info: (options) => info(undefined, options) as Promise<ServiceInfo>,
    $stats: (options) => stats(undefined, options) as Promise<Record<string, MethodStats>>,
    get $channel() {
      return connection.channel
    },
    $close: close,
    $ref: () => connection.ref(),
    $unref: () => connection.unref(),
    [Symbol.asyncDispose]: () => close(),
  }
}

/** Any name that a method can have is a method. */
function anyMethods(calls: ServiceCalls, members: ClientMembers): object {
  const functions = new Map<string, Invoke>()
  return new Proxy(members, {
    get(target, key) {
      if (typeof key === 'symbol' || key.startsWith('$') || isReserved(key)) return Reflect.get(target, key)
      let invoke = functions.get(key)
      if (invoke === undefined) {
        invoke = calls.function(key, { kind: undefined, idempotent: false })
        functions.set(key, invoke)
      }
      return invoke
    },
  })
}

function checkOptions(options: AnyClientOptions): void {
  checkOptionNames(options, OPTION_NAMES)
  const { contract, name } = options
  if (contract !== undefined && !isContract(contract)) throw invalid('contract', contract, 'a contract')
  if (contract !== undefined && name !== undefined)
    throw misuse('the option name is for a service without a contract; a contract has a name')
  if (name !== undefined && typeof name !== 'string') throw invalid('name', name, 'a string')
  checkCallerOptions(options)
}
