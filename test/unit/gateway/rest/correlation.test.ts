import { describe, expect, it, onTestFinished } from 'vitest'
import { correlation, enableCorrelation } from '../../../../src/observe/correlation.js'
import { type ErrorReport, onError } from '../../../../src/observe/on-error.js'
import { jsonSchema } from '../../../../src/schema/json-schema.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { contract, serverStream, unary } from '../../../../src/service/contract/define-contract.js'
import { ServiceError } from '../../../../src/service-error.js'
import { recordingLogger } from '../../../support/line-logger.js'
import { type Json, openServer } from '../../../support/rest-gateways.js'
import { eventually } from '../../../support/turns.js'

const ANY = jsonSchema<unknown>({})
const Things = contract('test.Things', {
  id: unary({ input: ANY, output: ANY, http: 'GET /id' }),
  ends: unary({ input: ANY, output: ANY, http: 'GET /ends/{how}' }),
  lines: serverStream({ input: ANY, output: ANY, http: 'GET /lines' }),
})
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`
const NEW_ID = /^[0-9a-f-]{36}$/

const handlers = {
  id: (_request: unknown, { metadata }: CallContext) => ({
    header: metadata.text('x-correlation-id'),
    current: correlation(),
  }),
  ends({ how }: Json) {
    if (how === 'fault') throw new Error('a fault')
    throw new ServiceError('NOT_FOUND', 'an outcome')
  },
  async *lines() {
    yield 1
    throw new Error('a fault')
  },
}

function reported(): ErrorReport[] {
  const reports: ErrorReport[] = []
  const stop = onError((report) => {
    // The channels of earlier tests end late.
    if (report.operation !== 'channel.peerGone') reports.push(report)
  })
  onTestFinished(stop)
  return reports
}

describe('the correlation id of a request', () => {
  it.each<[Record<string, string>, string | RegExp]>([
    [{ 'x-correlation-id': 'a', traceparent: TRACEPARENT, 'x-request-id': 'r' }, 'a'],
    [{ traceparent: TRACEPARENT, 'x-request-id': 'r' }, TRACE],
    [{ 'x-request-id': 'r' }, 'r'],
    [{ 'x-correlation-id': 'a b' }, NEW_ID],
    [{ 'x-correlation-id': 'x'.repeat(129) }, NEW_ID],
    [{}, NEW_ID],
  ])('with the headers %j is %s in the service and in the reply', async (headers, id) => {
    for (const enabled of [false, true]) {
      if (enabled) onTestFinished(enableCorrelation())
      const { client } = await openServer(Things, handlers)
      const reply = await client.get('/id', headers)
      const got = reply.json.header as string
      if (typeof id === 'string') expect(got).toBe(id)
      else expect(got).toMatch(id)
      expect(reply.headers['x-correlation-id']).toBe(got)
      expect(reply.json.current).toBe(enabled ? got : undefined)
    }
  })

  it('is in the lines of its faults', async () => {
    const { logger, lines } = recordingLogger()
    const { client } = await openServer(Things, handlers, { logger, ignoreUnknown: true })
    await client.get('/ends/fault?secret=1', { 'x-correlation-id': 'a' })
    await client.get('/ends/outcome', { 'x-correlation-id': 'b' })
    // The reply ends in the middle.
    await expect(client.get('/lines', { 'x-correlation-id': 'c' })).rejects.toThrow()
    await eventually(() => lines.length >= 2)
    const place = { gateway: 'rest', httpMethod: 'GET', service: 'test.Things', clientAddress: '127.0.0.1' }
    expect(lines).toMatchObject([
      {
        level: 'error',
        fields: {
          ...place,
          event: 'gateway.requestFailed',
          correlationId: 'a',
          path: '/ends/fault',
          route: '/ends/{how}',
          method: 'ends',
        },
      },
      { fields: { ...place, event: 'gateway.streamFailed', correlationId: 'c', method: 'lines' } },
    ])
  })
})

describe('onError of a process with a gateway', () => {
  it('reports a fault once for each side of the call, and not again for the request', async () => {
    const { client } = await openServer(Things, handlers)
    const reports = reported()
    await client.get('/ends/fault', { 'x-correlation-id': 'a' })
    await client.get('/ends/outcome')
    await eventually(() => reports.length === 4)
    expect(reports.map(({ operation, expected }) => [operation, expected])).toEqual([
      ['service.call', false],
      ['client.call', false],
      ['service.call', true],
      ['client.call', true],
    ])
    expect(reports.slice(0, 2).map(({ correlationId }) => correlationId)).toEqual(['a', 'a'])
  })

  it('expects the requests that a client must correct', async () => {
    const { client } = await openServer(Things, handlers)
    const reports = reported()
    await client.get('/nothing?secret=1')
    await eventually(() => reports.length === 1)
    expect(reports).toMatchObject([
      {
        operation: 'gateway.request',
        expected: true,
        correlationId: expect.stringMatching(NEW_ID) as string,
        fields: { gateway: 'rest', httpMethod: 'GET', path: '/nothing', statusCode: 404 },
      },
    ])
  })
})
