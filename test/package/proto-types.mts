import { type CallStream, type Contract, client, type Handlers, type ServiceClient, serve } from 'shmwire'
import { type GrpcService, grpcService } from 'shmwire/grpc'
import { loadContracts, protoContract } from 'shmwire/proto'
import type { GetUserRequest, GetUserResponse, WatchUsersResponse } from './gen/user/v1/users_pb.js'
import { UserService } from './gen/user/v1/users_pb.js'

export const Users = protoContract(UserService, { http: { watchUsers: 'GET /api/v1/users' } })

/** Every contract is one for `serve` and `client`. */
export const contract: Contract = Users

// @ts-expect-error -- the service has no such method
protoContract(UserService, { http: { getUsers: 'GET /' } })

/** Handlers get complete messages, and return parts of them. */
export const handlers: Handlers<typeof Users> = {
  getUser({ id, $typeName }: GetUserRequest, { signal }) {
    const name: 'user.v1.GetUserRequest' = $typeName
    return signal.aborted ? {} : { user: { id, emails: [name] } }
  },
  async *watchUsers() {
    yield { user: { name: 'Ann' } }
  },
}

export const wrongHandlers: Handlers<typeof Users> = {
  ...handlers,
  // @ts-expect-error -- the id of a user is a bigint
  getUser: () => ({ user: { id: 7 } }),
}

/** Callers pass parts of messages, and get complete ones. */
export async function call(users: ServiceClient<typeof Users>): Promise<bigint | undefined> {
  const response: GetUserResponse = await users.getUser({ id: 7n }, { timeoutMs: 50 })
  const stream: CallStream<WatchUsersResponse> = users.watchUsers({})
  for await (const { user } of stream) console.log(user?.emails.length)
  // @ts-expect-error -- the id of a request is a bigint
  await users.getUser({ id: '7' })
  // @ts-expect-error -- the service has no such method
  users.getUsers({})
  return response.user?.id
}

/** Without generated code, there are no types. */
export const loaded = (await loadContracts('users.binpb')).get('user.v1.UserService')

export async function callUntyped(): Promise<unknown> {
  const untyped = await client('users', { contract: loaded })
  return untyped.anything?.({ id: 7 })
}

/** A service of a gRPC server has the same types, and can be served, as a client can. */
export async function passOn(): Promise<unknown> {
  const options = { tls: {}, token: async () => 'abc' }
  const remote: GrpcService<typeof Users> = await grpcService(Users, 'api.example.com:443', options)
  await call(remote)
  await serve('users', remote, { contract: Users })
  await serve('copy', await client('users', { contract: Users }), { contract: Users })
  // @ts-expect-error -- the contract does not come from a .proto file
  await grpcService(contract, 'localhost:50051')
  const untyped = await grpcService(loaded, 'localhost:50051')
  await serve('untyped', untyped, { contract: loaded })
  return untyped.anything?.({ id: 7 })
}
