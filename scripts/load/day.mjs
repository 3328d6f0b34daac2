// The day of a run: the share of the peak in each hour, and what happens at what time.
export const HOURS = 24

/** The load of a service that people use: least at four, most at noon, and a second peak in the evening. */
const SHARES = [
  0.15, 0.1, 0.08, 0.06, 0.05, 0.07, 0.15, 0.35, 0.6, 0.8, 0.9, 0.97, 1, 0.95, 0.85, 0.8, 0.75, 0.7, 0.75,
  0.85, 0.9, 0.7, 0.45, 0.25,
]
const KILLED = ['service', 'worker', 'queue', 'gateway']
/** A day of so long or more has further kills, one in so much time. */
const LONG_DAY_MS = 180_000
const KILL_EACH_MS = 20_000
/** Nothing is killed so shortly before the end of the day. */
const QUIET_HOURS = 1.5
const WORKERS = 2

export function shareOf(hour) {
  return SHARES[hour % HOURS]
}

/**
 * The events of a day of `durationMs`, in their order: `{ hour, what, … }`. `below(n)` is a random whole number below n.
 * An event with `untilHour` lasts.
 */
export function eventsOf(durationMs, below) {
  const minutes = () => below(40) / 60
  const events = [
    { hour: 2 + minutes(), what: 'clock', seconds: 86_400 },
    { hour: 4 + minutes(), what: 'clock', seconds: -7_200 },
    { hour: 5 + minutes(), what: 'clock', seconds: 0 },
    { hour: 7 + minutes(), what: 'kill', victim: 'worker' },
    { hour: 8.5 + minutes(), what: 'kill', victim: 'service' },
    { hour: 10.5 + minutes(), untilHour: 13, what: 'slow clients' },
    { hour: 11 + minutes(), untilHour: 14.5, what: 'slow subscriber' },
    { hour: 14 + minutes(), what: 'kill', victim: 'queue' },
    { hour: 16 + minutes(), untilHour: 17.5, what: 'full disk' },
    { hour: 19.5 + minutes(), what: 'kill', victim: 'gateway' },
  ]
  if (durationMs >= LONG_DAY_MS) {
    const count = Math.floor(durationMs / KILL_EACH_MS)
    for (let index = 0; index < count; index += 1) {
      const victim = KILLED[below(KILLED.length)]
      const hour = 6 + (below(1_000) / 1_000) * (HOURS - QUIET_HOURS - 6)
      // The queue is closed and opened again there.
      if (victim === 'queue' && hour > 15 && hour < 18.5) continue
      // A killed gateway refuses no slow client.
      if (victim === 'gateway' && hour > 10 && hour < 13.5) continue
      events.push({ hour, what: 'kill', victim })
    }
  }
  return events
    .map((event) => (event.victim === 'worker' ? { ...event, index: below(WORKERS) } : event))
    .toSorted((one, other) => one.hour - other.hour)
}

/** '16:20' */
export function timeOf(hour) {
  const minutes = Math.round(hour * 60)
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
}
