import fc from 'fast-check'
import { Agent, request } from 'undici'
import { checkAnswer } from './answers.js'
import { startFuzzedGateway } from './fuzzed-services.js'
import { operationsOf } from './operations.js'
import { DocumentSchemas, requestsFor } from './requests.js'

/** A gateway that does not answer for so long hangs. */
const HANG_MS = 20_000

export interface FuzzResult {
  readonly requests: number
  readonly operations: number
  /** By status. */
  readonly statuses: ReadonlyMap<number, number>
  /** Of each operation, at most one, with the smallest request that shows it. */
  readonly faults: readonly string[]
}

/** Sends requests that come from the document of a gateway, and compares the answers with it. Equal seeds send equal requests. */
export async function fuzzRest(seed: number, count: number): Promise<FuzzResult> {
  const gateway = await startFuzzedGateway(seed)
  const agent = new Agent({ headersTimeout: HANG_MS, bodyTimeout: HANG_MS })
  const statuses = new Map<number, number>()
  const faults: string[] = []
  let requests = 0
  try {
    const reply = await request(`${gateway.origin}/openapi.json`, { dispatcher: agent })
    const document = await reply.body.json()
    const schemas = new DocumentSchemas(document)
    const operations = operationsOf(document)
    for (const [index, operation] of operations.entries()) {
      const property = fc.asyncProperty(requestsFor(operation, schemas), async (one) => {
        requests += 1
        const { statusCode, headers, body } = await request(gateway.origin + one.target, {
          method: one.method as 'GET',
          headers: one.headers,
          body: one.body ?? null,
          dispatcher: agent,
        })
        const text = await body.text()
        statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1)
        checkAnswer(operation, one, { status: statusCode, headers, text }, schemas)
      })
      const numRuns = Math.ceil(count / operations.length)
      // Otherwise, all operations would get requests of the same kinds in the same order.
      const result = await fc.check(property, { seed: seed + index, numRuns, maxSkipsPerRun: 1_000 })
      if (result.failed) faults.push(faultOf(result.errorInstance))
    }
    return { requests, operations: operations.length, statuses, faults }
  } finally {
    await agent.close()
    await gateway.close()
  }
}

function faultOf(error: unknown): string {
  return error instanceof Error ? error.message : 'the property was interrupted'
}
