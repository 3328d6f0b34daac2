import { nowMs } from '../host.js'
import type { GatewayFigures } from './figures.js'
import { LatencyHistogram } from './latency-histogram.js'
import { register } from './registry.js'

/** How a request has ended: well, or because of a mistake of one side. */
export type RequestOutcome = 'ok' | 'clientError' | 'serverError'

/** Counts the requests of one gateway. */
export class GatewayRecorder {
  /** Of the gateway's server. */
  address = ''
  readonly #latency = new LatencyHistogram()
  #running = 0
  #streams = 0
  #clientErrors = 0
  #serverErrors = 0

  /** Returns the function to call once, when the request has ended. */
  begin(isStream: boolean): (outcome: RequestOutcome) => void {
    const beganMs = nowMs()
    const streams = isStream ? 1 : 0
    this.#running += 1
    this.#streams += streams
    return (outcome) => {
      this.#running -= 1
      this.#streams -= streams
      if (outcome === 'clientError') this.#clientErrors += 1
      else if (outcome === 'serverError') this.#serverErrors += 1
      this.#latency.record(nowMs() - beganMs)
    }
  }

  figures(gateway: GatewayFigures['gateway']): GatewayFigures {
    return {
      gateway,
      address: this.address,
      running: this.#running,
      streams: this.#streams,
      clientErrors: this.#clientErrors,
      serverErrors: this.#serverErrors,
      latency: this.#latency.figures(),
    }
  }
}

/** Lists a gateway until the returned function is called. */
export function observeGateway(recorder: GatewayRecorder, gateway: GatewayFigures['gateway']): () => void {
  return register('gateways', recorder, (present) => present.figures(gateway))
}
