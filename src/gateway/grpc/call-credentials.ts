import { type CallCredentials, credentials, Metadata as GrpcMetadata } from '@grpc/grpc-js'
import type { Tokens } from '../tokens.js'

const AUTHORIZATION = 'authorization'
const NO_METADATA = new GrpcMetadata()

/** Called when grpc-js has a connection for a request and opens a stream next, or when there is no token for it. */
export interface CredentialsOutcome {
  ready(): void
  failed(error: Error): void
}

/** The token of one call, which is fetched when there is a connection for it. A header `authorization` of the call replaces it. */
export function callCredentials(
  tokens: Tokens | undefined,
  metadata: GrpcMetadata,
  outcome: CredentialsOutcome,
): CallCredentials {
  const own = metadata.get(AUTHORIZATION).length > 0 ? undefined : tokens
  return credentials.createFromMetadataGenerator((_parameters, done) => {
    const pass = (header: GrpcMetadata): void => {
      outcome.ready()
      done(null, header)
    }
    if (own === undefined) {
      pass(NO_METADATA)
      return
    }
    void own.header().then(
      (header) => {
        const authorization = new GrpcMetadata()
        authorization.set(AUTHORIZATION, header)
        pass(authorization)
      },
      // This cancels the call, so grpc-js waits no longer.
      (error: Error) => outcome.failed(error),
    )
  })
}
