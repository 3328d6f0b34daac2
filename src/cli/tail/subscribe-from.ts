import type { SubscribeFrom } from '../../messaging/topic/types.js'
import { UsageError } from '../command.js'

const POSITIONS = ['next', 'last', 'oldest'] as const
const AFTER = /^([0-9a-zA-Z-]+):(\d{1,16})$/

/** The value of `--from`. Throws UsageError. */
export function subscribeFrom(text = 'next'): SubscribeFrom {
  const position = POSITIONS.find((name) => name === text)
  if (position !== undefined) return position
  const [, epoch, digits] = AFTER.exec(text) ?? []
  if (epoch === undefined || !Number.isSafeInteger(Number(digits)))
    throw new UsageError(
      `--from ${text}: it must be ${POSITIONS.join(', ')}, or <epoch>:<sequence> as --info prints them`,
    )
  return { epoch, sequence: Number(digits) }
}
