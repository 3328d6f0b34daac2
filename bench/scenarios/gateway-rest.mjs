import { gatewayScenario } from '../support/gateway-scenario.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = gatewayScenario('rest', { title: 'Gateway of REST', direct: 'Fastify' })
