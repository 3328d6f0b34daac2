import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Why a program that a setup starts cannot be used, or undefined. */
export function commandFault(name) {
  const isThere = (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)))
  return isThere ? undefined : 'it is not in the path'
}
