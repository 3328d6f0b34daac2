import { nearest } from '../nearest.js'
import { firstLineOfThrown } from '../uncaught.js'
import type { Command } from './command.js'

/** The text for an error of `parseArgs`. Undefined: it is another error. */
export function parseFault(error: unknown, { help }: Command): string | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  if (typeof code !== 'string' || !code.startsWith('ERR_PARSE_ARGS_')) return undefined
  const text = firstLineOfThrown(error)
  const [, option] = /'(--?[^\s',=]+)/.exec(text) ?? []
  if (option === undefined) return text
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const similar = nearest(option, help.match(/--[a-z]+/g) ?? [])
    const suggestion = similar === undefined ? '' : `; did you mean ${similar}?`
    return `there is no option ${option}${suggestion} (an argument that begins with - comes behind --)`
  }
  if (text.includes('does not take')) return `the option ${option} takes no value`
  return `the option ${option} needs a value; write one that begins with - as ${option}=<value>`
}
