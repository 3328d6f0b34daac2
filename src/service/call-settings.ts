import { checkOptionNames, invalid, isAbortSignal, TIMEOUT_MS_MAX } from '../options.js'
import { encodeIdentity, IDENTITY_HEADER } from './auth/identity.js'
import type { CallSettings } from './call/begin-call.js'
import { type CallContext, type CallOptions, INHERITED_HEADERS, LAST_EVENT_ID } from './call/call-context.js'
import { encodeMetadata, Metadata } from './call/metadata.js'

const OPTION_NAMES: readonly string[] = [
  'timeoutMs',
  'signal',
  'metadata',
  'context',
  'identity',
  'lastEventId',
  'onHeaders',
  'onTrailers',
] satisfies (keyof CallOptions)[]

const NO_SIGNALS: readonly AbortSignal[] = []

/** The settings of calls without options. */
export function defaultSettings(timeoutMs: number): CallSettings {
  return { timeoutMs, signals: NO_SIGNALS, metadata: undefined, onHeaders: undefined, onTrailers: undefined }
}

/** The settings of a call with options. Throws `INVALID_ARGUMENT`. */
export function settingsOf(options: CallOptions, defaults: CallSettings): CallSettings {
  checkOptionNames(options, OPTION_NAMES)
  const { context, signal, onHeaders, onTrailers } = options
  const signals: AbortSignal[] = []
  if (signal !== undefined) signals.push(checkedSignal(signal))
  if (context !== undefined) signals.push(checkedContext(context).signal)
  const timeoutMs = options.timeoutMs === undefined ? defaults.timeoutMs : checkedTimeout(options.timeoutMs)
  return {
    timeoutMs: context === undefined ? timeoutMs : Math.min(timeoutMs, context.remainingMs),
    signals,
    metadata: encodeMetadata(withIdentity(metadataOf(options), options.identity)),
    onHeaders: checkedCallback('onHeaders', onHeaders),
    onTrailers: checkedCallback('onTrailers', onTrailers),
  }
}

/** The headers of a call: its own, and those that the call of its handler passes on. Throws `INVALID_ARGUMENT`. */
export function metadataOf(options: CallOptions): Metadata | undefined {
  const { context, lastEventId, metadata: own } = options
  if (context === undefined && lastEventId === undefined && own === undefined) return undefined
  const metadata = new Metadata(own)
  for (const name of context === undefined ? [] : INHERITED_HEADERS) {
    const value = context?.metadata.get(name)
    if (value !== undefined && !metadata.has(name)) metadata.set(name, value)
  }
  if (lastEventId !== undefined) metadata.set(LAST_EVENT_ID, lastEventId)
  return metadata
}

/** Adds the option `identity` of a call to its headers. Interceptors do not see it, so they cannot lose it. Throws `INVALID_ARGUMENT`. */
export function withIdentity(
  metadata: Metadata | undefined,
  identity: CallOptions['identity'],
): Metadata | undefined {
  if (identity === undefined) return metadata
  return (metadata ?? new Metadata()).set(IDENTITY_HEADER, encodeIdentity(identity))
}

/** Throws `INVALID_ARGUMENT`. */
export function checkedTimeout(timeoutMs: unknown): number {
  if (typeof timeoutMs === 'number' && timeoutMs >= 0)
    if (timeoutMs <= TIMEOUT_MS_MAX || timeoutMs === Number.POSITIVE_INFINITY) return timeoutMs
  throw invalid('timeoutMs', timeoutMs, `a number of milliseconds from 0 to ${TIMEOUT_MS_MAX}, or Infinity`)
}

function checkedContext(context: CallContext): CallContext {
  const { signal, remainingMs, metadata } = (context ?? {}) as Partial<CallContext>
  if (isAbortSignal(signal) && typeof remainingMs === 'number' && metadata instanceof Metadata) return context
  throw invalid('context', context, 'the context of a handler')
}

function checkedSignal(signal: AbortSignal): AbortSignal {
  if (isAbortSignal(signal)) return signal
  throw invalid('signal', signal, 'an AbortSignal')
}

function checkedCallback<T>(name: string, callback: T | undefined): T | undefined {
  if (callback === undefined || typeof callback === 'function') return callback
  throw invalid(name, callback, 'a function')
}
