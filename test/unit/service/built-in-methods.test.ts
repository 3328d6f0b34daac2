import { expect, it } from 'vitest'
import { client } from '../../../src/service/client.js'
import type { Interceptor } from '../../../src/service/interceptors.js'
import { serve } from '../../../src/service/serve.js'
import { ServiceError } from '../../../src/service-error.js'
import { createChannelPair } from '../../../src/testing/channel-pair.js'
import { failure } from '../../support/services.js'

it('the built-in methods pass through the interceptors of the service', async () => {
  const [left, right] = createChannelPair()
  const seen: string[] = []
  const refuse: Interceptor = () => (call) => {
    seen.push(call.method)
    return Promise.reject(new ServiceError('UNAUTHENTICATED', 'no token'))
  }
  await serve(right, { echo: (value: unknown) => value }, { interceptors: [refuse] })
  const calls = await client(left)
  for (const call of [calls.$ping(), calls.$info(), calls.$stats()])
    expect(await failure(call)).toMatchObject({ status: 'UNAUTHENTICATED' })
  expect(seen).toEqual(['$ping', '$info', '$stats'])
})
