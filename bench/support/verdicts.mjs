import { BEST_OF_OTHERS } from '../targets.mjs'
import { ratioOf } from './measure.mjs'
import { digits, showHeadline } from './units.mjs'

/**
 * The verdict on each target of which a scenario was measured.
 * @param {readonly import('../targets.mjs').Target[]} targets
 */
export function judge(targets, tables, nodeVersion) {
  const major = Number(/\d+/.exec(nodeVersion)[0])
  return targets
    .filter(({ nodeMin = 0 }) => major >= nodeMin)
    .map((target) => ({ target, measured: tables.filter(({ name }) => scenariosOf(target).includes(name)) }))
    .filter(({ measured }) => measured.length > 0)
    .map(({ target, measured }) => ({ ...target, ...judgeAll(target, measured) }))
}

function scenariosOf({ scenario }) {
  return [scenario].flat()
}

/** The verdict on the worst of the tables. One without a figure is worse than any other. */
function judgeAll(target, tables) {
  const places = new Map(WORST_FIRST.map((verdict, index) => [verdict, index]))
  const { atMost } = target
  const all = tables
    .map((table) => ({ ...judgeOne(target, table), unit: table.headline.unit, title: table.title }))
    .toSorted(
      (a, b) =>
        places.get(a.verdict) - places.get(b.verdict) ||
        (atMost === undefined ? a.value - b.value : b.value - a.value),
    )
  const [{ title, ...worst }] = all
  if (scenariosOf(target).length === 1) return worst
  const missed = all.filter(({ verdict }) => verdict === NOT_MET)
  const missing = scenariosOf(target).length - tables.length
  return {
    ...worst,
    where: missed.length > 1 ? `${title}, and ${missed.length - 1} more` : title,
    ...(missing > 0 ? { missing: `${missing} of ${scenariosOf(target).length} scenarios not measured` } : {}),
  }
}

export const NOT_MET = 'not met'
const WORST_FIRST = ['not measured', NOT_MET, 'met', 'aim met']

function judgeOne({ competitor, reference, atLeast, atMost, aim }, table) {
  const find = (name) => table.competitors.find((one) => one.name === name)
  const ours = find(competitor)
  const other = reference && referenceIn(table, reference)
  const value = foundIn(ours, other, reference, table.headline, atMost !== undefined)
  if (value === undefined) {
    const why = [ours, other].find((one) => one !== undefined && one.headline === undefined)
    return {
      verdict: 'not measured',
      why: why?.absent ?? why?.error ?? `${[competitor, reference].flat().join(' or ')} took no part`,
    }
  }
  const within = (bound) => (atMost === undefined ? value >= bound : value <= bound)
  const noisy = ours.noisy || other?.noisy === true
  if (!within(atLeast ?? atMost)) return { verdict: NOT_MET, value, noisy }
  return { verdict: aim !== undefined && within(aim) ? 'aim met' : 'met', value, noisy }
}

function referenceIn(table, reference) {
  if (reference === BEST_OF_OTHERS) return bestOfOthers(table)
  return [reference]
    .flat()
    .map((name) => table.competitors.find((one) => one.name === name))
    .find((one) => one !== undefined && one.absent === undefined)
}

function bestOfOthers({ competitors, headline }) {
  const others = competitors.filter(
    ({ name, headline: value, transport }) =>
      value !== undefined && transport !== 'native' && !name.startsWith('shmwire'),
  )
  const [first] = others
  return others.reduce((best, one) => (ratioOf(one, best, headline) > 1 ? one : best), first)
}

function foundIn(ours, other, reference, headline, isInverse) {
  if (reference === undefined) return ours?.headline
  const ratio = ratioOf(ours, other, headline)
  if (ratio === undefined) return undefined
  return isInverse ? 1 / ratio : ratio
}

/** As `10 ×` or `≤ 5 ×`; without a reference, the figure itself. */
export function showBound({ atMost, reference, unit }, value) {
  if (value === undefined) return ''
  const text = reference === undefined ? showHeadline({ unit }, value) : `${shortDigits(value)} ×`
  return atMost === undefined ? text : `≤ ${text}`
}

/** Without zeros at the end. */
function shortDigits(value) {
  return String(Number(digits(value)))
}

/** The verdict and its remarks. */
export function showVerdict({ verdict, why, noisy, where, missing }) {
  const words = [why === undefined ? verdict : `${verdict}: ${why}`]
  if (where !== undefined) words.push(where)
  if (missing !== undefined) words.push(missing)
  if (noisy) words.push('noisy')
  return words.join('; ')
}

/** The measured figure, without the sign of a bound. */
export function showFound(verdict) {
  return showBound({ ...verdict, atMost: undefined }, verdict.value)
}
