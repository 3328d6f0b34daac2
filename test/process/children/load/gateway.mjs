// The gateways of a load run: REST and gRPC in one process, which share a channel to the service.
import { grpcGateway } from '../../../../dist/gateway/grpc/index.js'
import { createRestServer } from '../../../../dist/gateway/rest/index.js'
import { channelPool } from '../../../../dist/resilience/index.js'
import { contractFrom } from '../gateway-kills/contract.mjs'
import { HEADERS_TIMEOUT_MS, STALL_MS } from './limits.mjs'

export async function startGateway({ descriptors, address, restPort, grpcPort }) {
  const pool = channelPool({ backOff: { minMs: 5, maxMs: 200 } })
  const services = [{ contract: contractFrom(descriptors), target: pool.at(address) }]
  const rest = await createRestServer({
    services,
    listen: `127.0.0.1:${restPort}`,
    headersTimeoutMs: HEADERS_TIMEOUT_MS,
    stallMs: STALL_MS,
  })
  const grpc = await grpcGateway({ services, listen: `127.0.0.1:${grpcPort}` })
  return {
    async close() {
      await Promise.all([rest.close(), grpc.close()])
      await pool.close()
    },
  }
}
