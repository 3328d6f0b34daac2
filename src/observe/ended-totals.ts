/**
 * The counters of the parts of this thread that have ended. Rows with the same labels are one series, so without it the sums of metrics
 * would decrease when one of these parts ends.
 */
import type {
  EndedGatewayFigures,
  EndedMethodFigures,
  EndedSubscriptionFigures,
  GatewayFigures,
  ServiceFigures,
  SubscriptionFigures,
} from './figures.js'
import type { HistogramFigures } from './latency-histogram.js'

/** Sums of each list. Parts with further names add to a sum with empty names. */
const TOTALS_MAX = 512

/** The sums of each list of a snapshot. */
export interface EndedTotals {
  readonly endedMethods: EndedMethodFigures[]
  readonly endedSubscriptions: EndedSubscriptionFigures[]
  readonly endedGateways: EndedGatewayFigures[]
}

class Totals<Row extends object> {
  readonly #rows = new Map<string, Row>()
  readonly #keyOf: (row: Row) => string
  readonly #nameless: (row: Row) => Row
  readonly #sum: (a: Row, b: Row) => Row

  constructor(keyOf: (row: Row) => string, nameless: (row: Row) => Row, sum: (a: Row, b: Row) => Row) {
    this.#keyOf = keyOf
    this.#nameless = nameless
    this.#sum = sum
  }

  add(named: Row): void {
    const isFull = this.#rows.size >= TOTALS_MAX && !this.#rows.has(this.#keyOf(named))
    const row = isFull ? this.#nameless(named) : named
    const key = this.#keyOf(row)
    const present = this.#rows.get(key)
    this.#rows.set(key, present === undefined ? row : this.#sum(present, row))
  }

  rows(): Row[] {
    return [...this.#rows.values()]
  }
}

const methods = new Totals<EndedMethodFigures>(
  ({ address, service, method }) => JSON.stringify([address, service, method]),
  (row) => ({ ...row, address: '', service: '', method: '' }),
  (a, b) => ({ ...a, errors: a.errors + b.errors, latency: sumOf(a.latency, b.latency) }),
)
const subscriptions = new Totals<EndedSubscriptionFigures>(
  ({ address, name }) => JSON.stringify([address, name]),
  (row) => ({ ...row, address: '', name: '' }),
  (a, b) => ({
    ...a,
    received: a.received + b.received,
    lost: a.lost + b.lost,
    filtered: a.filtered + b.filtered,
  }),
)
const gateways = new Totals<EndedGatewayFigures>(
  ({ gateway, address }) => JSON.stringify([gateway, address]),
  (row) => ({ ...row, address: '' }),
  (a, b) => ({
    ...a,
    clientErrors: a.clientErrors + b.clientErrors,
    serverErrors: a.serverErrors + b.serverErrors,
    latency: sumOf(a.latency, b.latency),
  }),
)

/** The lists whose rows can have the same labels. Each function adds the last figures of a part that ends. */
export const ADD_ENDED = {
  services({ address, service, methods: ended }: ServiceFigures): void {
    for (const { method, errors, latency } of ended)
      if (latency.count > 0) methods.add({ address, service, method, errors, latency })
  },
  subscriptions({ address, name, received, lost, filtered }: SubscriptionFigures): void {
    subscriptions.add({ address, name, received, lost, filtered })
  },
  gateways({ gateway, address, clientErrors, serverErrors, latency }: GatewayFigures): void {
    gateways.add({ gateway, address, clientErrors, serverErrors, latency })
  },
}

export function endedTotals(): EndedTotals {
  return {
    endedMethods: methods.rows(),
    endedSubscriptions: subscriptions.rows(),
    endedGateways: gateways.rows(),
  }
}

function sumOf(a: HistogramFigures, b: HistogramFigures): HistogramFigures {
  return {
    count: a.count + b.count,
    sumMs: a.sumMs + b.sumMs,
    maxMs: Math.max(a.maxMs, b.maxMs),
    buckets: a.buckets.map((count, index) => count + (b.buckets[index] ?? 0)),
  }
}
