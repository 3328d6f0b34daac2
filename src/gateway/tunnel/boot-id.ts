import { readFileSync } from 'node:fs'

const BOOT_ID = /^[0-9a-f-]{36}$/

let known: string | undefined

/** Identifies this machine since its last start. Two containers of one machine have the same. Empty on other systems than Linux. */
export function ownBootId(): string {
  known ??= readBootId()
  return known
}

function readBootId(): string {
  try {
    const text = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return BOOT_ID.test(text) ? text : ''
  } catch {
    return ''
  }
}
