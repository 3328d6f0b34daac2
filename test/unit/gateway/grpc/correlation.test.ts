import { Metadata } from '@grpc/grpc-js'
import { describe, expect, it, onTestFinished } from 'vitest'
import { correlation, enableCorrelation } from '../../../../src/observe/correlation.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { openGateway } from '../../../support/grpc-gateways.js'
import { recordingLogger } from '../../../support/line-logger.js'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const NEW_ID = /^[0-9a-f-]{36}$/

function recording() {
  const ids: unknown[] = []
  const getUser = (_request: unknown, { metadata }: CallContext): object => {
    ids.push(metadata.text('x-correlation-id'), correlation())
    return {}
  }
  return { ids, getUser }
}

function metadataOf(headers: Record<string, string>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return metadata
}

describe('the correlation id of a call through a gateway of gRPC', () => {
  it.each([
    [{ 'x-correlation-id': 'a' }, 'a'],
    [{ traceparent: `00-${TRACE}-b7ad6b7169203331-01` }, TRACE],
    [{ 'x-request-id': 'r' }, 'r'],
    [{}, undefined],
  ])('with the headers %j is %s', async (headers, id) => {
    const { ids, getUser } = recording()
    // A list of names would leave it out.
    const { client } = await openGateway({ getUser }, { metadata: ['x-app'] })
    await client.unary('GetUser', {}, { metadata: metadataOf(headers) })
    expect(ids).toEqual([id, undefined])
  })

  it('is new with a logger, and with enableCorrelation the one of the handler', async () => {
    const { ids, getUser } = recording()
    const { client } = await openGateway({ getUser }, { logger: recordingLogger().logger })
    await client.unary('GetUser', {})
    expect(ids).toEqual([expect.stringMatching(NEW_ID), undefined])
    onTestFinished(enableCorrelation())
    const { client: other } = await openGateway({ getUser })
    ids.length = 0
    await other.unary('GetUser', {})
    expect(ids).toEqual([expect.stringMatching(NEW_ID), ids[0]])
  })

  it('is in the line of a fault', async () => {
    const { logger, lines } = recordingLogger()
    const fail = (): never => {
      throw new Error('a fault')
    }
    const { client } = await openGateway({ getUser: fail }, { logger })
    await client.unary('GetUser', {}, { metadata: metadataOf({ 'x-correlation-id': 'a' }) })
    expect(lines).toMatchObject([
      {
        level: 'error',
        fields: {
          event: 'gateway.requestFailed',
          gateway: 'grpc',
          service: 'user.UserService',
          correlationId: 'a',
          clientAddress: '127.0.0.1',
        },
      },
    ])
  })
})
