import { createInterface } from 'node:readline/promises'
import { CommandError } from './command-error.js'

/** Asks the person at the terminal. */
export interface Prompt {
  /** Resolves to the line that the person types. Rejects with CommandError if the input ends first. */
  question(prompt: string): Promise<string>
  close(): void
}

/** At the terminal of this process. */
export function openPrompt(): Prompt {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  // The promise of `question` alone would stay open for ever.
  const ended = new Promise<never>((_resolve, reject) => {
    lines.once('close', () => reject(new CommandError('the input ended before the last answer')))
  })
  ended.catch(() => {})
  // The terminal is in raw mode, so Ctrl-C is not a signal yet.
  lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  return {
    question: (prompt) => Promise.race([lines.question(prompt), ended]),
    close: () => lines.close(),
  }
}
