// Which errors are expected, and when: those that an event of the day causes, while it lasts.
const AWAY = /^(UNAVAILABLE( CIRCUIT_OPEN)?|RESOURCE_EXHAUSTED BULKHEAD_FULL)$/

/** By the event, and by the kind of operation. All others are never expected. */
const EXPECTED = {
  'service killed': {
    'shm call': AWAY,
    'shm stream': AWAY,
    'REST call': /^503$/,
    'REST, autocannon': /^503$/,
  },
  'gateway killed': {
    // A new gateway answers before it has its channel to the service.
    'REST call': /^(503|ECONNRESET|ECONNREFUSED|EPIPE)$/,
    'REST, autocannon': /^(503|ECONNRESET|ECONNREFUSED|EPIPE)$/,
    'gRPC, h2load': /^no answer$/,
  },
  'queue killed': { push: /^UNAVAILABLE$/, job: /^ERR_SHMWIRE_LEASE_LOST$/ },
  'full disk': { push: /^(UNAVAILABLE|RESOURCE_EXHAUSTED)$/, job: /^ERR_SHMWIRE_LEASE_LOST$/ },
}

/**
 * `[{ source, kind, phase, count, isExpected }]`, one row for each combination.
 * @param errors `[{ source, kind, atMs, lastsMs, count }]`: `count` errors in `lastsMs` from `atMs`
 * @param windows `[{ what, fromMs, untilMs }]`
 */
export function classifyErrors(errors, windows) {
  const rows = new Map()
  for (const { source, kind, atMs, lastsMs, count } of errors) {
    const during = windows.filter(({ fromMs, untilMs }) => fromMs <= atMs + lastsMs && untilMs >= atMs)
    const cause = during.find(({ what }) => EXPECTED[what]?.[source]?.test(kind))
    const phase = cause?.what ?? during[0]?.what ?? 'no event'
    const key = [source, kind, phase].join('\n')
    const row = rows.get(key) ?? { source, kind, phase, count: 0, isExpected: cause !== undefined }
    row.count += count
    rows.set(key, row)
  }
  return [...rows.values()].toSorted((one, other) => other.count - one.count)
}

export function faultsOfErrors(rows) {
  return rows
    .filter(({ isExpected }) => !isExpected)
    .map(({ source, kind, phase, count }) => `${count} × ${source}: ${kind}, during: ${phase}`)
}
