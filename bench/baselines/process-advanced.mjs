import { processBaseline } from '../support/process-baseline.mjs'

/** @type {import('./baseline.js').Baseline} */
export const baseline = processBaseline('advanced')
