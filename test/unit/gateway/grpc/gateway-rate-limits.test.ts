import { status as Code } from '@grpc/grpc-js'
import { describe, expect, it, vi } from 'vitest'
import { STATUS_DETAILS, serviceErrorOf } from '../../../../src/gateway/grpc/status-details.js'
import { metadataOf, openGateway } from '../../../support/grpc-gateways.js'

const HOUR = 3_600_000

describe('a gateway with rate limits', () => {
  it('refuses calls of an address over its limit, before the service has them', async () => {
    const getUser = vi.fn(() => ({ user: { name: 'Ada' } }))
    const { client } = await openGateway(
      { getUser },
      { rateLimit: { perAddress: { limit: 2, windowMs: HOUR } } },
    )
    const codes: (number | undefined)[] = []
    for (let call = 0; call < 2; call += 1) codes.push((await client.unary('GetUser', {})).status.code)
    expect(codes).toEqual([Code.OK, Code.OK])
    const { status } = await client.unary('GetUser', {})
    expect(status.code).toBe(Code.RESOURCE_EXHAUSTED)
    const details = status.metadata.get(STATUS_DETAILS)[0] as Buffer
    expect(serviceErrorOf('RESOURCE_EXHAUSTED', '', details)).toMatchObject({
      reason: 'RATE_LIMITED',
      details: { policy: 'address', retryDelayMs: expect.any(Number) },
    })
    expect(details.includes('google.rpc.RetryInfo')).toBe(true)
    expect(getUser).toHaveBeenCalledTimes(2)
  })

  it('counts each identity on its own', async () => {
    const auth = {
      securityScheme: {},
      challenge: 'Bearer',
      authenticate: ({ headers }: { headers: NodeJS.Dict<string | string[]> }) => ({
        subject: String(headers['x-user']),
      }),
    }
    const { client } = await openGateway(
      { getUser: () => ({}) },
      { auth, rateLimit: { perIdentity: { limit: 1, windowMs: HOUR } } },
    )
    const code = async (user: string): Promise<number> => {
      const { status } = await client.unary('GetUser', {}, { metadata: metadataOf({ 'x-user': user }) })
      return status.code
    }
    expect([await code('ann'), await code('bob'), await code('ann')]).toEqual([
      Code.OK,
      Code.OK,
      Code.RESOURCE_EXHAUSTED,
    ])
  })
})
