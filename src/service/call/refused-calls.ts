import type { CallContext } from './call-context.js'

const refused = new WeakSet<CallContext>()

/** An interceptor of the service has ended the call before its handler began. */
export function markRefused(context: CallContext): void {
  refused.add(context)
}

export function wasRefused(context: CallContext): boolean {
  return refused.has(context)
}
