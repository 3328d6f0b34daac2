import type { RestSettings } from '../rest-options.js'
import type { ApiSource } from './api-source.js'
import type { OpenApiOptions } from './openapi-options.js'

/** The behaviour of a gateway with these settings. */
export function apiSourceOf(settings: RestSettings, openapi: OpenApiOptions, prefix: string): ApiSource {
  const { services, admission, policy, errors, version, ignoreUnknown, rates, health, idempotency } = settings
  return {
    contracts: services.map(({ contract }) => contract),
    openapi,
    prefix,
    authenticators: admission.authenticators,
    policy,
    errors,
    hasEnvelope: version !== undefined,
    refusesUnknownFields: !ignoreUnknown,
    hasRateLimits: rates !== undefined,
    hasHealth: health,
    idempotency,
  }
}
