import { gatewayScenario } from '../support/gateway-scenario.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = gatewayScenario('grpc', {
  title: 'Gateway of gRPC',
  direct: 'grpc-js',
  method: 'GetUser',
  further: [
    {
      name: 'stream',
      title: 'Gateway of gRPC, stream of 1,000 items',
      options: { inFlight: 1, method: 'StreamUsers' },
    },
  ],
})
