import { invalid, misuse, type WaitOptions } from '../../options.js'
import type { BinaryEncoding } from '../../schema/message-type.js'
import type { CallOptions } from '../../service/call/call-context.js'
import type { ServiceClient } from '../../service/contract/contract-types.js'
import { isContract } from '../../service/contract/service-contract.js'
import type { ProtoContract, ProtoMethod } from '../../service/proto/proto-contract.js'
import { ServiceCalls } from '../../service/service-calls.js'
import { ConnectionPool } from './connection-pool.js'
import { GrpcClient } from './grpc-client.js'
import type { GrpcMethod } from './grpc-client-call.js'
import { GrpcCarrier } from './grpc-client-carrier.js'
import { HEALTH_METHODS, pingOf } from './grpc-client-health.js'
import { type GrpcServiceOptions, resolveGrpcServiceOptions } from './grpc-service-options.js'
import { HEALTH } from './own-descriptors.js'

/** A service of a gRPC server: a function for each method, as of `client`. */
export type GrpcService<Service extends ProtoContract = ProtoContract> = ServiceClient<Service> &
  GrpcServiceMembers

/** The members of every `GrpcService`. Methods of a service do not begin with `$`. */
export interface GrpcServiceMembers extends AsyncDisposable {
  /**
   * Resolves when the server has answered: its health service, if it has one. Rejects with UNAVAILABLE if that says that the service does not
   * serve.
   */
  $ping(options?: CallOptions): Promise<void>
  /** Waits for the open calls, and ends the connections. `timeoutMs` and `signal` end the wait, and the calls fail. */
  $close(options?: WaitOptions): Promise<void>
  /** The service keeps the process alive, which is the default. */
  $ref(): void
  /** The process may end while no call is open. */
  $unref(): void
}

/**
 * Connects to a service of a gRPC server. Resolves to an object with a function for each method, as `client` does; `serve` takes it as
 * handlers. It outlives the server: it connects again whenever a connection has ended.
 *
 * @param address a host and a port, for example `'api.example.com:443'`
 * @throws `INVALID_ARGUMENT`, `UNAVAILABLE`
 */
export async function grpcService<Service extends ProtoContract>(
  contract: Service,
  address: string,
  options: GrpcServiceOptions = {},
): Promise<GrpcService<Service>> {
  checkContract(contract)
  const settings = resolveGrpcServiceOptions(address, options)
  const pool = new ConnectionPool(address, settings.credentials, settings.grpc, settings.pool)
  const client = new GrpcClient(pool, new GrpcCarrier(pool, methodsOf(contract), settings.calls))
  try {
    await client.first(options.waitForServer === true, options.signal)
  } catch (error) {
    await client.close(undefined)
    throw error
  }
  const service: object = membersOf(client, contract, options)
  return service as GrpcService<Service>
}

function checkContract(contract: ProtoContract): void {
  if (!isContract(contract)) throw invalid('contract', contract, 'a contract')
  if (contract.descriptor?.kind !== 'service')
    throw misuse(
      `contract ${contract.name} does not come from a .proto file, so gRPC cannot encode its messages; use protoContract or loadContracts`,
    )
}

function methodsOf({ name: service, methods }: ProtoContract): Map<string, GrpcMethod> {
  const entries = Object.entries(methods).map(([name, method]): [string, GrpcMethod] => {
    const { descriptor, input, output } = method as ProtoMethod
    const path = `/${service}/${descriptor.name}`
    const request = input.binary as BinaryEncoding
    const response = output.binary as BinaryEncoding
    const encode = (message: unknown): Uint8Array => request.encode(message)
    const decode = (bytes: Uint8Array): unknown => response.decode(bytes)
    return [`${service}/${name}`, { path, encode, decode }]
  })
  return new Map([...entries, ...HEALTH_METHODS])
}

function membersOf(
  client: GrpcClient,
  contract: ProtoContract,
  options: GrpcServiceOptions,
): GrpcServiceMembers {
  const close = (bounds?: WaitOptions): Promise<void> => client.close(bounds)
  const members: GrpcServiceMembers = {
    $ping: pingOf(contract.name, new ServiceCalls(client, HEALTH, options)),
    $close: close,
    $ref: () => client.ref(),
    $unref: () => client.unref(),
    [Symbol.asyncDispose]: () => close(),
  }
  return new ServiceCalls(client, contract.name, options).addTo(members, contract)
}
