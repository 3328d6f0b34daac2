import { type DiagLogger, DiagLogLevel, diag, propagation } from '@opentelemetry/api'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { client } from '../../../../src/service/client.js'
import { serve } from '../../../../src/service/serve.js'
import { createChannelPair } from '../../../../src/testing/channel-pair.js'
import { instrumented, TestTelemetry, telemetry } from '../../../support/telemetry.js'
import { eventually } from '../../../support/turns.js'

async function openUsers() {
  const [left, right] = createChannelPair()
  onTestFinished(() => left.destroy())
  const get = (_: unknown, { metadata }: CallContext): string => metadata.text('traceparent') ?? 'no trace'
  await serve(right, { get })
  return client(left)
}

describe('code of the program that throws', () => {
  const fail = (): never => {
    throw new Error('broken')
  }

  /** The errors that `diag` gets. */
  function diagErrors(): string[] {
    const errors: string[] = []
    const logger = { error: (text: string) => errors.push(text) } as unknown as DiagLogger
    diag.setLogger(logger, { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true })
    onTestFinished(() => diag.disable())
    return errors
  }

  it.each<[string, () => void]>([
    ['a sampler', () => telemetry({}, { shouldSample: fail, toString: () => 'failing' })],
    [
      'a span processor',
      () => {
        new TestTelemetry().register()
        const processor = { onStart() {}, onEnd: fail, forceFlush: async () => {}, shutdown: async () => {} }
        instrumented({ tracerProvider: new BasicTracerProvider({ spanProcessors: [processor] }) })
      },
    ],
    [
      'a meter',
      () => {
        new TestTelemetry().register()
        instrumented({ meterProvider: { getMeter: fail } })
      },
    ],
  ])('%s does not make a call fail', async (_, register) => {
    register()
    const errors = diagErrors()
    const users = await openUsers()
    expect(await users['get']?.()).toEqual(expect.any(String))
    await eventually(() => errors.length === 2)
    expect(new Set(errors)).toEqual(new Set(['shmwire: an operation is not traced: broken']))
  })

  it('a propagator does not make a call fail, and the spans have their ends', async () => {
    const seen = telemetry()
    propagation.disable()
    propagation.setGlobalPropagator({ inject: fail, extract: fail, fields: () => [] })
    const errors = diagErrors()
    const users = await openUsers()
    expect(await users['get']?.()).toBe('no trace')
    await eventually(() => seen.spans.length === 2)
    // The client reads what its call passes on, and writes; the service reads.
    expect(errors).toHaveLength(3)
  })

  it('a sampler does not make the body of a loop fail', () => {
    new TestTelemetry().register({ shouldSample: fail, toString: () => 'failing' })
    const errors = diagErrors()
    const tracing = instrumented()
    const info = { key: undefined, headers: {}, epoch: 'e', sequence: 1, lastEventId: 'e-1' }
    expect(tracing.process('prices', info, () => 'done')).toBe('done')
    expect(errors).toHaveLength(1)
  })
})
