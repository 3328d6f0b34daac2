/**
 * The durations of each form of the suite. A scenario may override them in its `lengths`.
 * @type {Record<import('../scenarios/scenario.js').Form, import('../scenarios/scenario.js').Lengths>}
 */
export const LENGTHS = {
  whole: { repetitions: 3, warmUpMs: 250, durationMs: 700 },
  quick: { repetitions: 3, warmUpMs: 60, durationMs: 100 },
  smoke: { repetitions: 1, warmUpMs: 5, durationMs: 20 },
}
