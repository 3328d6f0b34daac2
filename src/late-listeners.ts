import type { EventEmitter } from 'node:events'
import { nextTick } from './host.js'

type Listener = ((...args: unknown[]) => void) & { readonly listener?: unknown }

/**
 * `event`, the last one of the emitter, is emitted now, with `args`. From now on, a new listener of it is called in the next tick, as
 * `finished` of node:stream does. Also after `removeAllListeners`.
 */
export function notifyLateListeners(emitter: EventEmitter, event: string, ...args: unknown[]): void {
  const notify = (name: unknown, added: unknown): void => {
    if (name !== event) return
    nextTick(() => {
      // The wrapper of `once` removes itself.
      const listeners = emitter.rawListeners(event) as Listener[]
      const listener = listeners.findLast((each) => each === added || each.listener === added)
      listener?.apply(emitter, args)
    })
  }
  emitter.on('newListener', notify)
  const removeAll = emitter.removeAllListeners.bind(emitter)
  emitter.removeAllListeners = (...names) => {
    try {
      removeAll(...names)
    } finally {
      if (!emitter.listeners('newListener').includes(notify)) emitter.on('newListener', notify)
    }
    return emitter
  }
}
