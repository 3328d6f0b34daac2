import { Channel } from '../channel/channel.js'
import type { KeepConnectedOptions } from '../keep-connected.js'
import { log } from '../log/log.js'
import type { Logger } from '../log/logger.js'
import { checkOptionNames, invalid, misuse } from '../options.js'
import { callableNames } from '../service/built-in-methods.js'
import type { WhenUnavailable } from '../service/caller.js'
import { checkCallerOptions } from '../service/caller-options.js'
import type { ClientFunctions, OpenClient } from '../service/client.js'
import { type ClientTarget, isClientTarget } from '../service/client-connection.js'
import type { Contract } from '../service/contract/contract.js'
import { isContract } from '../service/contract/service-contract.js'
import type { Interceptor } from '../service/interceptors.js'
import type { ProtoContract } from '../service/proto/proto-contract.js'
import type { Admission } from './admission.js'

/** A service behind a gateway. */
export interface GatewayService {
  /** Its contract. For `grpcGateway`, it comes from a `.proto` file: `protoContract` or `loadContracts`. */
  contract: Contract
  /** Where it is served, as for `client`: an address, a channel, or a function that opens one. */
  target: ClientTarget
  /** How the gateway calls it. */
  client?: GatewayClientOptions | undefined
}

/** The options of a gateway's client; see `ClientOptions`. */
export interface GatewayClientOptions {
  /**
   * The longest time of a call, in milliseconds, also if its own deadline is later or missing. Default: no limit; for calls of a REST gateway
   * that are not streams, its own `timeoutMs`.
   */
  timeoutMs?: number | undefined
  /** Run for each call of this service, after those of the gateway. */
  interceptors?: readonly Interceptor[] | undefined
  whenUnavailable?: WhenUnavailable | undefined
  retries?: number | undefined
  channel?: KeepConnectedOptions | undefined
}

/** The services of a gateway, and how it calls them. */
export interface ServicesSettings {
  readonly services: readonly GatewayService[]
  readonly interceptors: readonly Interceptor[]
  readonly logger: Logger | undefined
  readonly signal: AbortSignal | undefined
}

const SERVICE_NAMES: readonly string[] = ['contract', 'target', 'client'] satisfies (keyof GatewayService)[]
const CLIENT_NAMES: readonly string[] = [
  'timeoutMs',
  'interceptors',
  'whenUnavailable',
  'retries',
  'channel',
] satisfies (keyof GatewayClientOptions)[]

/** A service that does not answer must not delay the end of a gateway. */
const CLOSE_MS = 500

/**
 * Checks the option `services`. `checkContract` throws for a contract that the gateway cannot have, with the place of its service. Throws
 * `INVALID_ARGUMENT`.
 */
export function checkedServices(
  services: readonly GatewayService[],
  admission: Admission,
  checkContract: (contract: Contract, place: string) => void,
): readonly GatewayService[] {
  if (!Array.isArray(services)) throw invalid('services', services, 'an array of { contract, target }')
  const checked = services.map(checkedService)
  for (const [index, { contract }] of checked.entries()) {
    checkContract(contract, placeOf(index))
    const first = checked.findIndex((service) => service.contract.name === contract.name)
    if (first !== index)
      throw misuse(`services[${index}] and services[${first}] have the same contract, ${contract.name}`)
    admission.checkMethods(contract.name, callableNames(Object.keys(contract.methods)))
  }
  return checked
}

/** Whether the contract comes from a `.proto` file, so that its messages have a binary form. */
export function isProtoContract(contract: Contract): contract is ProtoContract {
  return (contract as Partial<ProtoContract>).descriptor?.kind === 'service'
}

function checkedService(service: GatewayService, index: number): GatewayService {
  const place = placeOf(index)
  if (typeof service !== 'object' || service === null)
    throw invalid(place, service, 'an object { contract, target }')
  checkOptionNames(service, SERVICE_NAMES)
  const { contract, target, client = {} } = service
  if (!isContract(contract)) throw invalid(`${place}.contract`, contract, 'a contract')
  if (!isClientTarget(target))
    throw invalid(`${place}.target`, target, 'an address, a Channel or a function that returns one')
  checkOptionNames(client, CLIENT_NAMES, `${place}.client`)
  checkCallerOptions(client)
  return { contract, target, client }
}

function placeOf(index: number): string {
  return `services[${index}]`
}

/**
 * Connects to all services, of which some may be absent. `onChange` gets the name of a service and whether there is a channel to it, first
 * when its client is open. Rejects with the errors of `client` that waiting would not change.
 */
export async function openClients(
  { services, interceptors, logger, signal }: ServicesSettings,
  open: OpenClient,
  onChange: (service: string, connected: boolean) => void,
): Promise<ClientFunctions[]> {
  const opening = services.map(async ({ contract, target, client: own = {} }) => {
    const { name } = contract
    const { timeoutMs: _bound, interceptors: further = [], ...options } = own
    const all = [...interceptors, ...further]
    const settings = {
      ...options,
      contract,
      interceptors: all,
      signal,
      timeoutMs: Number.POSITIVE_INFINITY,
    }
    const opened = await open(target, settings, (connected) => onChange(name, connected))
    onChange(name, opened.members.$channel !== undefined)
    return opened
  })
  watchChannels(services, onChange)
  const results = await Promise.allSettled(opening)
  const clients = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed === undefined) return clients
  await closeClients(clients, logger)
  throw failed.reason
}

/** The channels that the program has opened itself end once. Each gets one listener, whatever the number of its services. */
function watchChannels(
  services: readonly GatewayService[],
  onChange: (service: string, connected: boolean) => void,
): void {
  const channels = new Set(services.flatMap(({ target }) => (target instanceof Channel ? [target] : [])))
  for (const channel of channels)
    channel.once('close', () => {
      for (const { contract, target } of services) if (target === channel) onChange(contract.name, false)
    })
}

/** Closes the clients of a gateway. A service that does not answer does not delay it for long. */
export async function closeClients(
  clients: readonly ClientFunctions[],
  logger: Logger | undefined,
): Promise<void> {
  await Promise.all(
    clients.map(async ({ members }) => {
      try {
        await members.$close({ timeoutMs: CLOSE_MS })
      } catch (error) {
        log(logger, 'gateway.channelNotClosed', () => ({ error }))
      }
    }),
  )
}
