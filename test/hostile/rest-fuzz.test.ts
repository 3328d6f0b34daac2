import { expect, it } from 'vitest'
import { countFromEnvironment, newSeed } from '../support/random.js'
import { fuzzRest } from '../support/rest-fuzz/rest-fuzz.js'

const REQUESTS = countFromEnvironment('SHMWIRE_REST_FUZZ', 300)

it('answers generated requests of a REST gateway as its OpenAPI document states', async () => {
  const { requests, statuses, faults } = await fuzzRest(newSeed('requests'), REQUESTS)
  expect(faults).toEqual([])
  expect(requests).toBeGreaterThanOrEqual(REQUESTS)
  // The requests reach services, are refused, and lack tokens.
  for (const status of [200, 400, 401]) expect(statuses.get(status)).toBeGreaterThan(0)
})
