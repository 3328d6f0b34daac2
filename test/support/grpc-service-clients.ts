import { grpcService } from '../../src/gateway/grpc/index.js'
import { ServiceError, type ShmwireError } from '../../src/index.js'
import { loadContracts } from '../../src/service/proto/index.js'
import type { Certificate } from './certificates.js'
import type { CaseClients, TestServiceClient } from './interop-cases.js'
import { INTEROP_DESCRIPTORS, type Security } from './interop-server.js'

/** Clients that `grpcService` makes, with a function that closes them. */
export async function grpcServiceClients(
  port: string,
  security: Security,
  { ca, cert, key }: Certificate,
): Promise<CaseClients & { readonly close: () => Promise<void> }> {
  const contracts = await loadContracts(INTEROP_DESCRIPTORS)
  const tls = { plain: undefined, tls: { ca }, mutual: { ca, cert, key } }[security]
  const open = (service: string) =>
    grpcService(contracts.get(`grpc.testing.${service}`), `127.0.0.1:${port}`, { tls })
  const [plain, unimplementedService] = await Promise.all([open('TestService'), open('UnimplementedService')])
  return {
    plain: plain as unknown as TestServiceClient,
    compressed: undefined,
    unimplementedService: unimplementedService as unknown as TestServiceClient,
    failureOf: (error) => {
      const { status, message } = error as ShmwireError
      return { status, message: error instanceof ServiceError ? error.rawMessage : message }
    },
    close: async () => {
      await Promise.all([plain.$close(), unimplementedService.$close()])
    },
  }
}
