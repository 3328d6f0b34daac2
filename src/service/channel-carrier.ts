import { beginCall, type CallSettings } from './call/begin-call.js'
import { AnyAnswer, type AnyOutcome, SingleAnswer, StreamAnswer } from './call/call-outcomes.js'
import type { CalledMethod } from './call/called-method.js'
import { type OutgoingCall, withExecuted } from './call/outgoing-call.js'
import type { OutgoingCalls } from './call/outgoing-calls.js'
import type { CallCarrier } from './call-carrier.js'

/** Makes calls over a channel. */
export class ChannelCarrier implements CallCarrier {
  readonly #calls: OutgoingCalls

  constructor(calls: OutgoingCalls) {
    this.#calls = calls
  }

  single(
    method: CalledMethod,
    request: unknown,
    settings: CallSettings,
    resolve: (message: unknown) => void,
    reject: (error: Error) => void,
  ): void {
    this.#begin(new SingleAnswer(this.#calls, method, settings, resolve, reject), request, settings)
  }

  stream(method: CalledMethod, request: unknown, settings: CallSettings): StreamAnswer {
    const call = new StreamAnswer(this.#calls, method, settings)
    this.#begin(call, request, settings)
    return call
  }

  any(method: CalledMethod, request: unknown, settings: CallSettings, outcome: AnyOutcome): AnyAnswer {
    const call = new AnyAnswer(this.#calls, method, settings, outcome)
    this.#begin(call, request, settings)
    return call
  }

  #begin(call: OutgoingCall, request: unknown, settings: CallSettings): void {
    try {
      beginCall(call, this.#calls, call.method, request, settings)
    } catch (error) {
      call.fail(withExecuted(error as Error, 'no'))
    }
  }
}
