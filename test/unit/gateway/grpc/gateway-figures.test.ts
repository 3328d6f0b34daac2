import { describe, expect, it } from 'vitest'
import { snapshot } from '../../../../src/observe/snapshot.js'
import { ServiceError } from '../../../../src/service-error.js'
import { openGateway } from '../../../support/grpc-gateways.js'
import { waitFor } from '../../../support/wait-for.js'

describe('the figures of a gateway', () => {
  it('count calls, and errors by the side that caused them', async () => {
    const errors = [new ServiceError('NOT_FOUND', 'no'), new Error('broken'), undefined]
    const { gateway, client } = await openGateway({
      getUser() {
        const error = errors.shift()
        if (error !== undefined) throw error
        return {}
      },
    })
    const figures = () => snapshot().gateways.find(({ address }) => address === gateway.address)
    for (let count = 0; count < 3; count += 1) await client.unary('GetUser', {})
    await waitFor(() =>
      expect(figures()).toMatchObject({
        gateway: 'grpc',
        running: 0,
        streams: 0,
        clientErrors: 1,
        serverErrors: 1,
        latency: { count: 3 },
      }),
    )
    await gateway.close()
    expect(figures()).toBeUndefined()
  })
})
