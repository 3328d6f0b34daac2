import type { MessageType } from '../schema/message-type.js'
import { MethodRecorder, type MethodStats } from './call/method-stats.js'
import type { ServedMethod } from './call/served-method.js'
import type { CallKind } from './contract/contract.js'
import { interceptedHandler } from './intercepted-handler.js'
import type { MethodSettings } from './served-methods.js'

/** The description of a service, from itself. */
export interface ServiceInfo {
  readonly name: string
  /** The option `version` of `serve`. */
  readonly version: string
  /** Of the contract; empty without one. */
  readonly hash: string
  readonly methods: readonly MethodInfo[]
}

export interface MethodInfo {
  readonly name: string
  /** Undefined without a contract. */
  readonly kind: CallKind | undefined
}

/** The methods that each service answers in addition to its own. */
export const BUILT_IN = { ping: '$ping', info: '$info', stats: '$stats' } as const

/** The names of all methods that callers of a service can use. */
export function callableNames(own: readonly string[]): string[] {
  return [...own, ...Object.values(BUILT_IN)]
}

/** Descriptions and figures cross as JSON with every codec. */
export const JSON_FORM: MessageType & Required<Pick<MessageType, 'binary'>> = {
  empty: false,
  parse: (value) => value,
  binary: {
    encode: (value) => Buffer.from(value === undefined ? '' : JSON.stringify(value)),
    decode: (bytes) => (bytes.length === 0 ? undefined : JSON.parse(Buffer.from(bytes).toString())),
  },
}

const BUILT_IN_METHOD = { kind: 'unary', idempotent: true, input: undefined } as const

export function builtInMethods(
  service: string,
  info: () => ServiceInfo,
  stats: () => Record<string, MethodStats>,
  { interceptors, identify }: Pick<MethodSettings, 'interceptors' | 'identify'>,
): ServedMethod[] {
  const answers: [name: string, answer: () => unknown][] = [
    [BUILT_IN.ping, () => undefined],
    [BUILT_IN.info, info],
    [BUILT_IN.stats, stats],
  ]
  return answers.map(([name, answer]) => ({
    service,
    name,
    kind: 'unary',
    input: JSON_FORM,
    output: JSON_FORM,
    checksInput: false,
    checksOutput: false,
    handler: interceptors.length === 0 ? answer : interceptedHandler(answer, interceptors, BUILT_IN_METHOD),
    recorder: new MethodRecorder(),
    exposeErrors: 'local',
    identify,
  }))
}
