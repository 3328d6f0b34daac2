import { nearest } from '../nearest.js'
import { misuse, show } from '../options.js'
import type { Identify } from './auth/identity.js'
import type { ExposeErrors } from './call/call-failure.js'
import { checkMethodName, isReserved } from './call/method-name.js'
import { MethodRecorder } from './call/method-stats.js'
import type { CallHandler, ServedMethod } from './call/served-method.js'
import type { Contract, Method } from './contract/contract.js'
import { type InterceptedMethod, interceptedHandler } from './intercepted-handler.js'
import type { Interceptor } from './interceptors.js'
import { passingHandler } from './passed-calls.js'

const NATIVE = /\{\s*\[native code\]\s*\}$/

export interface MethodSettings {
  readonly contract: Contract | undefined
  readonly interceptors: readonly Interceptor[]
  readonly exposeErrors: ExposeErrors
  readonly validateOutput: boolean
  readonly identify: Identify | undefined
}

/** The methods of a service, from its contract or, without one, from the functions of `handlers`. Throws `INVALID_ARGUMENT`. */
export function servedMethods(service: string, handlers: object, settings: MethodSettings): ServedMethod[] {
  const { contract } = settings
  const names = contract === undefined ? functionNames(handlers) : Object.keys(contract.methods)
  if (names.length === 0) throw misuse('the handlers have no function that callers could call')
  return names.map((name) => servedMethod(service, name, handlers, settings))
}

function servedMethod(
  service: string,
  name: string,
  handlers: object,
  settings: MethodSettings,
): ServedMethod {
  const { contract, interceptors, exposeErrors, validateOutput, identify } = settings
  const method = contract?.methods[name]
  checkMethodName(`${service}/${name}`)
  const handler = handlerOf(name, handlers)
  const intercepted = interceptors.length > 0
  return {
    service,
    name,
    kind: method?.kind,
    input: method?.input,
    output: method?.output,
    checksInput: !intercepted,
    checksOutput: validateOutput && method !== undefined,
    handler: intercepted ? interceptedHandler(handler, interceptors, methodOf(method)) : handler,
    recorder: new MethodRecorder(),
    exposeErrors,
    identify,
  }
}

function methodOf(method: Method | undefined): InterceptedMethod {
  return { kind: method?.kind, idempotent: method?.idempotent === true, input: method?.input }
}

function handlerOf(name: string, handlers: object): CallHandler {
  const handler = (handlers as Record<string, unknown>)[name]
  if (typeof handler === 'function') return passingHandler(handler) ?? (handler.bind(handlers) as CallHandler)
  const near = nearest(name, functionNames(handlers))
  const hint = near === undefined ? '' : `; they have ${show(near)}`
  throw misuse(`the handlers have no function ${show(name)}, which the contract has${hint}`)
}

/** The functions of an object and of its classes. Names that begin with `_` or `$` are private. */
function functionNames(handlers: object): string[] {
  const names = new Set<string>()
  for (let level = handlers; level !== null && !isBuiltIn(level); level = Object.getPrototypeOf(level)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level)))
      if (typeof value === 'function' && !isReserved(name) && !/^[_$]/.test(name)) names.add(name)
  }
  return [...names]
}

/** A prototype of the language, of any realm: that of all objects, of functions, of maps. */
function isBuiltIn(level: object): boolean {
  const made: unknown = Object.getOwnPropertyDescriptor(level, 'constructor')?.value
  return typeof made === 'function' && NATIVE.test(Function.prototype.toString.call(made))
}
