/**
 * The durations of each form of the suite. A scenario may override them in its `lengths`.
 * @type {Record<import('../scenarios/scenario.js').Form, import('../scenarios/scenario.js').Lengths>}
 */
export const LENGTHS = {
  whole: { repetitions: 5, warmUpMs: 300, durationMs: 1200 },
  quick: { repetitions: 3, warmUpMs: 80, durationMs: 120 },
  smoke: { repetitions: 1, warmUpMs: 5, durationMs: 20 },
}
