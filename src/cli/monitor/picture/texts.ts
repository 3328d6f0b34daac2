/** Figures as short texts. */
import { formatBytes, formatRate } from '../../figures.js'

const RATE_MIN = 0.005
const COUNT_MAX = 10_000

export function rateText(perSecond: number): string {
  return perSecond < RATE_MIN ? '0/s' : formatRate(perSecond)
}

export function bytesText(bytes: number): string {
  return formatBytes(Math.round(bytes))
}

export function percentText(percent: number): string {
  return `${inTenths(percent)} %`
}

export function millisText(ms: number): string {
  return `${inTenths(ms)} ms`
}

export function countText(count: number): string {
  return count < COUNT_MAX ? String(Math.round(count)) : formatRate(count).replace('/s', '')
}

/** For example `1 channel` or `2 channels`. */
export function countedText(count: number, one: string, several = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : several}`
}

function inTenths(value: number): string {
  if (value === 0) return '0'
  return value < 10 ? value.toFixed(1) : String(Math.round(value))
}
