import { ratioOf } from './measure.mjs'

/**
 * The verdict on each target whose scenario was measured.
 * @param {readonly import('../targets.mjs').Target[]} targets
 */
export function judge(targets, tables, nodeVersion) {
  const major = Number(/\d+/.exec(nodeVersion)[0])
  return targets
    .filter(({ scenario, nodeMin = 0 }) => major >= nodeMin && tables.some(({ name }) => name === scenario))
    .map((target) => ({ ...target, ...judgeOne(target, tables) }))
}

function judgeOne({ scenario, competitor, reference, atLeast, atMost, aim }, tables) {
  const table = tables.find(({ name }) => name === scenario)
  const find = (name) => table.competitors.find((one) => one.name === name)
  const ours = find(competitor)
  const value = foundIn(ours, reference && find(reference), reference, table.headline, atMost !== undefined)
  if (value === undefined) {
    const why = [ours, find(reference)].find((one) => one !== undefined && one.headline === undefined)
    return {
      verdict: 'not measured',
      why: why?.absent ?? why?.error ?? `${competitor} or ${reference} took no part`,
    }
  }
  const within = (bound) => (atMost === undefined ? value >= bound : value <= bound)
  const noisy = ours.noisy || (reference !== undefined && find(reference).noisy)
  if (!within(atLeast ?? atMost)) return { verdict: 'not reached', value, noisy }
  return { verdict: aim !== undefined && within(aim) ? 'aim reached' : 'reached', value, noisy }
}

function foundIn(ours, other, reference, headline, isInverse) {
  if (reference === undefined) return ours?.headline
  const ratio = ratioOf(ours, other, headline)
  if (ratio === undefined) return undefined
  return isInverse ? 1 / ratio : ratio
}

/** As `10 ×` or `≤ 5 ×`; without a reference, the figure itself. */
export function showBound({ atMost, reference }, value) {
  if (value === undefined) return ''
  const digits =
    value < 10
      ? value.toFixed(2).replace(/\.?0+$/, '')
      : value.toFixed(value < 100 ? 1 : 0).replace(/\.0$/, '')
  const unit = reference === undefined ? '' : ' ×'
  return atMost === undefined ? `${digits}${unit}` : `≤ ${digits}${unit}`
}

/** The verdict and its remarks. */
export function showVerdict({ verdict, why, noisy }) {
  if (why !== undefined) return `${verdict}: ${why}`
  return noisy ? `${verdict}, noisy` : verdict
}

/** The measured figure, without the sign of a bound. */
export function showFound(verdict) {
  return showBound({ ...verdict, atMost: undefined }, verdict.value)
}
