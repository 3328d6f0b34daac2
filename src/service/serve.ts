import { Channel } from '../channel/channel.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { clearTimeout, setTimeout } from '../host.js'
import { type Announcement, announce, type ListenOptions, listen, Server, watchChannels } from '../listen.js'
import type { ServiceFigures } from '../observe/figures.js'
import { register } from '../observe/registry.js'
import {
  checkOptionNames,
  checkWaitOptions,
  invalid,
  misuse,
  TIMEOUT_MS_MAX,
  type WaitOptions,
} from '../options.js'
import type { Identify } from './auth/identity.js'
import { checkAuthOptions, type Policy, policyInterceptor } from './auth/policy.js'
import { builtInMethods, callableNames, type ServiceInfo } from './built-in-methods.js'
import type { ExposeErrors } from './call/call-failure.js'
import { ChannelCalls } from './call/channel-calls.js'
import type { MethodStats } from './call/method-stats.js'
import { type ServedService, ServiceTable } from './call/service-table.js'
import type { Contract } from './contract/contract.js'
import type { Handlers } from './contract/contract-types.js'
import { isContract, prepareContract } from './contract/service-contract.js'
import { checkInterceptors, type Interceptor } from './interceptors.js'
import { type MethodSettings, servedMethods } from './served-methods.js'

/** The options of `serve`. */
export interface ServeOptions extends WaitOptions {
  /** The name of a service without a contract. Default: the empty name, which `client` also uses. */
  name?: string | undefined
  /** For `$info`. Default: empty. */
  version?: string | undefined
  /** Run for each call, the first one outermost. */
  interceptors?: readonly Interceptor[] | undefined
  /**
   * Which callers get the name, message and code of an error that is not a ServiceError. `'local'`: processes of this machine. The others get
   * INTERNAL without a reason. Default `'local'`.
   */
  exposeErrors?: ExposeErrors | undefined
  /** Says who may call which method. Default: everyone. */
  policy?: Policy | undefined
  /** Finds the identity of a peer. Default: processes of the same user have the role `local`, and a certificate has the name of its subject. */
  identify?: Identify | undefined
  /** Checks what the handlers return. Default: unless NODE_ENV is `production`. */
  validateOutput?: boolean | undefined
  /** The options of `listen`, if the service listens itself. */
  channel?: ListenOptions | undefined
}

/** The options of `serve` with a contract. */
export interface ContractServeOptions<Service extends Contract = Contract> extends ServeOptions {
  /** The methods of the service and the form of their messages. Without it, all functions of the handlers take any message. */
  contract: Service
}

type AnyServeOptions = ServeOptions & Partial<ContractServeOptions>

const OPTION_NAMES: readonly string[] = [
  'contract',
  'name',
  'version',
  'interceptors',
  'exposeErrors',
  'policy',
  'identify',
  'validateOutput',
  'channel',
  'signal',
  'timeoutMs',
] satisfies (keyof ContractServeOptions)[]
const EXPOSE_ERRORS: readonly string[] = ['local', 'always', 'never'] satisfies ExposeErrors[]
const NAME = /^[A-Za-z0-9_.-]{0,127}$/

/** Open calls have this time to end when a service closes, unless `close` has another one. */
const CLOSE_TIMEOUT_MS = 10_000
/** After their time, the open calls are cancelled. A peer that reads no answer then loses its channel. */
const CANCEL_MS = 1_000

const tables = new WeakMap<Server, ServiceTable>()

/**
 * Serves the functions of `handlers` to the callers of `client`. Resolves when they can connect.
 *
 * @param target an address, as for `listen`; or a server or a channel, which can have several services
 * @param handlers an object with a function `(request, context)` for each method; an async generator answers with a stream
 * @throws `INVALID_ARGUMENT`, and the errors of `listen` for an address
 */
export function serve<Service extends Contract>(
  target: string | Server | Channel,
  handlers: Handlers<Service>,
  options: ContractServeOptions<Service>,
): Promise<RunningService>
/** Serves a service without a contract. */
export function serve(
  target: string | Server | Channel,
  handlers: object,
  options?: ServeOptions,
): Promise<RunningService>
export async function serve(
  target: string | Server | Channel,
  handlers: object,
  options: AnyServeOptions = {},
): Promise<RunningService> {
  checkOptionNames(options, OPTION_NAMES)
  const { signal, timeoutMs } = checkWaitOptions(options, OPTION_NAMES)
  const service = serviceOf(handlers, options)
  if (options.contract !== undefined) await prepareContract(options.contract)
  if (typeof target === 'string') {
    const server = await listen(target, { ...options.channel, signal, timeoutMs })
    const table = tableOf(server)
    table.add(service)
    return new RunningService(service, table, server, server.address)
  }
  if (options.channel !== undefined)
    throw misuse('the option channel is only for a service that listens itself')
  const table = target instanceof Server ? tableOf(target) : channelTable(target)
  table.add(service)
  return new RunningService(service, table, undefined, target instanceof Server ? target.address : '')
}

/** A service that is served. It comes from `serve`. */
export class RunningService implements AsyncDisposable {
  /** That of the contract, or of the option `name`. */
  readonly name: string
  readonly #service: ServedService
  readonly #table: ServiceTable
  readonly #server: Server | undefined
  readonly #unregister: () => void

  /** Only `serve` creates services. */
  constructor(service: ServedService, table: ServiceTable, server: Server | undefined, address: string) {
    this.name = service.name
    this.#service = service
    this.#table = table
    this.#server = server
    this.#unregister = register('services', service, (served) => figuresOf(served, address))
    table.whenEnded(service, this.#unregister)
  }

  /** The server, if the service listens itself. */
  get server(): Server | undefined {
    return this.#server
  }

  /** The figures of each method. */
  stats(): Record<string, MethodStats> {
    return statsOf(this.#service)
  }

  /**
   * Refuses new calls. A service that listens itself also frees its address, and waits for the open calls; after `timeoutMs`, 10 seconds
   * unless given, it cancels them. Rejects with `TIMEOUT` if a peer does not read its answers, and with `ABORTED`.
   */
  async close(options: WaitOptions = {}): Promise<void> {
    const { signal, timeoutMs = CLOSE_TIMEOUT_MS } = checkWaitOptions(options)
    if (this.#server === undefined) {
      this.#remove()
      return
    }
    const { channels } = this.#server
    const timer = setTimeout(() => {
      const error = new ShmwireError(ErrorCode.CLOSED, 'the service closed before the call ended')
      for (const channel of channels) ChannelCalls.of(channel).cancelIncoming(error)
    }, timeoutMs)
    try {
      await this.#server.close({ signal, timeoutMs: Math.min(timeoutMs + CANCEL_MS, TIMEOUT_MS_MAX) })
    } finally {
      clearTimeout(timer)
      this.#remove()
    }
  }

  #remove(): void {
    this.#unregister()
    this.#table.remove(this.#service)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function serviceOf(handlers: object, options: AnyServeOptions): ServedService {
  if ((typeof handlers !== 'object' && typeof handlers !== 'function') || handlers === null)
    throw invalid('handlers', handlers, 'an object with a function for each method')
  const { contract, name = contract?.name ?? '', version = '', exposeErrors = 'local' } = options
  if (contract !== undefined && !isContract(contract)) throw invalid('contract', contract, 'a contract')
  if (contract !== undefined && options.name !== undefined)
    throw misuse('the option name is for a service without a contract; a contract has a name')
  if (typeof name !== 'string' || !NAME.test(name))
    throw invalid('name', name, 'a string of at most 127 characters from A-Z a-z 0-9 _ . -')
  if (typeof version !== 'string') throw invalid('version', version, 'a string')
  if (!EXPOSE_ERRORS.includes(exposeErrors))
    throw invalid('exposeErrors', exposeErrors, `one of ${EXPOSE_ERRORS.join(', ')}`)
  const { interceptors = [], validateOutput = process.env['NODE_ENV'] !== 'production' } = options
  checkInterceptors(interceptors)
  if (typeof validateOutput !== 'boolean') throw invalid('validateOutput', validateOutput, 'true or false')
  const { policy, identify } = options
  checkAuthOptions(options)
  const settings: MethodSettings = {
    contract,
    interceptors: policy === undefined ? interceptors : [policyInterceptor(policy), ...interceptors],
    exposeErrors,
    validateOutput,
    identify,
  }
  const methods = servedMethods(name, handlers, settings)
  policy?.checkMethods(name, callableNames(methods.map((method) => method.name)))
  const hash = contract?.hash ?? ''
  const info = (): ServiceInfo => ({
    name,
    version,
    hash,
    methods: methods.map((method) => ({ name: method.name, kind: method.kind })),
  })
  const service: ServedService = { name, hash, methods }
  return {
    name,
    hash,
    methods: [...methods, ...builtInMethods(name, info, () => statsOf(service), settings)],
  }
}

function statsOf({ methods }: ServedService): Record<string, MethodStats> {
  const figures: Record<string, MethodStats> = {}
  for (const { name, recorder } of methods) if (!name.startsWith('$')) figures[name] = recorder.stats()
  return figures
}

function figuresOf({ name, methods }: ServedService, address: string): ServiceFigures {
  const called = methods.filter((method) => !method.name.startsWith('$'))
  return {
    address,
    service: name,
    methods: called.map((method) => ({ method: method.name, ...method.recorder.figures() })),
  }
}

function tableOf(server: Server): ServiceTable {
  const existing = tables.get(server)
  if (existing !== undefined) return existing
  const table = new ServiceTable((services) => announce(server, { services: services.map(announcedService) }))
  tables.set(server, table)
  watchChannels(server, (channel) => {
    ChannelCalls.of(channel).services.parent = table
  })
  return table
}

/** The hash of a service without a contract is empty here, and missing in the announcement. */
function announcedService({ name, hash }: ServedService): Announcement['services'][number] {
  return { name, hash: hash === '' ? undefined : hash }
}

function channelTable(target: unknown): ServiceTable {
  if (!(target instanceof Channel)) throw invalid('target', target, 'an address, a Server or a Channel')
  return ChannelCalls.of(target).services
}
