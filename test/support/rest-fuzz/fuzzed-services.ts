import { fromJson } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { createRestServer, type RestServer } from '../../../src/gateway/rest/rest-server.js'
import type { RestServerOptions } from '../../../src/gateway/rest/server-options.js'
import { policy } from '../../../src/service/auth/policy.js'
import type { Contract, Method } from '../../../src/service/contract/contract.js'
import type { Handlers } from '../../../src/service/contract/contract-types.js'
import type { ProtoMethod } from '../../../src/service/proto/proto-contract.js'
import { serve } from '../../../src/service/serve.js'
import { ServiceError } from '../../../src/service-error.js'
import { createChannelPair } from '../../../src/testing/channel-pair.js'
import { INFO, JsonFiles, ProtoUsers, ZodPeople } from '../openapi-apis.js'
import { testRegistry } from '../proto-files.js'
import { DocumentSchemas } from './requests.js'
import { type Json, SchemaValues } from './schema-values.js'

const CONTRACTS: readonly Contract[] = [ProtoUsers, ZodPeople, JsonFiles]
/** Answers of each method. */
const ANSWERS = 50

/** A gateway in front of services with both kinds of contracts, which answer with random messages. */
export interface FuzzedGateway {
  readonly origin: string
  close(): Promise<void>
}

export async function startFuzzedGateway(seed: number): Promise<FuzzedGateway> {
  const services = await Promise.all(
    CONTRACTS.map(async (contract) => {
      const [left, right] = createChannelPair()
      await serve(right, handlersOf(contract, seed), { contract })
      return { contract, target: left }
    }),
  )
  const options: RestServerOptions = {
    listen: '127.0.0.1:0',
    services,
    openapi: { info: INFO },
    auth: {
      securityScheme: { type: 'http', scheme: 'bearer' },
      challenge: 'Bearer realm="shmwire"',
      authenticate({ headers: { authorization } }) {
        if (authorization === undefined || !authorization.startsWith('Bearer ')) return undefined
        if (authorization === 'Bearer good') return { subject: 'ann', scopes: ['users'] }
        throw new ServiceError('UNAUTHENTICATED', 'the token is wrong', { reason: 'INVALID_TOKEN' })
      },
    },
    policy: policy({
      'user.UserService/*': ['users'],
      'people.PeopleService/*': ['users'],
      'people.PeopleService/getPerson': true,
      'files.FileService/*': () => true,
    }),
    rateLimit: { perAddress: { limit: 1_000_000, windowMs: 1_000 } },
    idempotency: { required: ['user.UserService/createUser'] },
    compression: true,
    envelope: seed % 2 === 1,
    errors: seed % 3 === 0 ? 'problem' : 'envelope',
  }
  const server: RestServer = await createRestServer(options)
  return {
    origin: `http://${server.address}`,
    async close() {
      await server.close({ timeoutMs: 0 })
      for (const { target } of services) target.destroy()
    },
  }
}

function handlersOf(contract: Contract, seed: number): Handlers<Contract> {
  return Object.fromEntries(
    Object.entries(contract.methods).map(([name, method]) => {
      const next = answersOf(method, seed)
      const handler = method.kind === 'serverStream' ? () => [next(), next(), next()] : next
      return [name, handler]
    }),
  )
}

/** Messages that the method can send, in turn. */
function answersOf(method: Method, seed: number): () => unknown {
  const schema = method.output.jsonSchema?.()
  if (schema === undefined || method.kind === 'clientStream' || method.kind === 'bidi') return () => undefined
  const schemas = new DocumentSchemas(schema)
  const { $schema: _, ...root } = schema as Record<string, Json>
  const values = new SchemaValues(root)
    .valid(root)
    .filter((value) => schemas.fault(root, value) === undefined)
  const messages = fc.sample(values, { seed, numRuns: ANSWERS }).map((json) => messageOf(method, json))
  let index = 0
  return () => {
    index += 1
    return messages[index % messages.length]
  }
}

function messageOf(method: Method, json: Json): unknown {
  return 'descriptor' in method
    ? fromJson((method as ProtoMethod).descriptor.output, json, { registry: testRegistry })
    : json
}
