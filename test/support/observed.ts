import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { onTestFinished } from 'vitest'
import type { DiagnosticsPayloads } from '../../src/observe/diagnostics-payloads.js'

type Name = keyof DiagnosticsPayloads

/** An event of an operation, and a copy of its payload at that time. */
export interface Observed<Payload> {
  readonly event: string
  readonly payload: Payload
}

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const

/** The events of an operation that succeeds, and of one that fails. */
export const SUCCESS = ['start', 'end', 'asyncStart', 'asyncEnd']
export const FAILURE = ['start', 'end', 'error', 'asyncStart', 'asyncEnd']

/** Collects the payloads of a diagnostics channel until the end of the test. */
export function observed<N extends Name>(name: N): DiagnosticsPayloads[N][] {
  const payloads: DiagnosticsPayloads[N][] = []
  const collect = (payload: unknown): void => {
    payloads.push(payload as DiagnosticsPayloads[N])
  }
  subscribe(name, collect)
  onTestFinished(() => {
    unsubscribe(name, collect)
  })
  return payloads
}

/** Collects the events of operations until the end of the test. `onStart` can change the payload. */
export function observedTraces<N extends Name>(
  name: N,
  onStart: (payload: DiagnosticsPayloads[N]) => void = () => {},
): Observed<DiagnosticsPayloads[N]>[] {
  const seen: Observed<DiagnosticsPayloads[N]>[] = []
  for (const event of EVENTS) {
    const collect = (message: unknown): void => {
      const payload = message as DiagnosticsPayloads[N]
      if (event === 'start') onStart(payload)
      seen.push({ event, payload: { ...payload } })
    }
    const channel = `tracing:${name}:${event}`
    subscribe(channel, collect)
    onTestFinished(() => {
      unsubscribe(channel, collect)
    })
  }
  return seen
}

/** The names of the events. */
export function eventsOf(seen: readonly Observed<unknown>[]): string[] {
  return seen.map(({ event }) => event)
}

/** A store that each operation of the channel has until the end of the test, as a tracer would bind it. */
export function boundStore<N extends Name, T>(
  name: N,
  storeOf: (payload: DiagnosticsPayloads[N]) => T,
): AsyncLocalStorage<T> {
  const storage = new AsyncLocalStorage<T>()
  const { start } = tracingChannel<unknown, DiagnosticsPayloads[N]>(name)
  start.bindStore(storage, storeOf)
  onTestFinished(() => {
    start.unbindStore(storage)
  })
  return storage
}
