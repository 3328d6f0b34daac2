import { Readable } from 'node:stream'
import type { CommandIo } from '../../src/cli/command.js'

/** The surroundings of a command in a test, and what it has written. Without colours. */
export interface TestIo extends CommandIo {
  readonly written: { out: string; error: string }
  readonly interrupt: () => void
}

export function commandIo(given: Partial<CommandIo> & { readonly input?: string | Buffer } = {}): TestIo {
  const written = { out: '', error: '' }
  const controller = new AbortController()
  const { input = '', ...members } = given
  return {
    root: '/missing',
    env: {},
    stdin: Readable.from([Buffer.from(input)], { objectMode: false }),
    openPrompt: undefined,
    columns: undefined,
    out: (text) => {
      written.out += text
    },
    error: (text) => {
      written.error += text
    },
    drained: () => Promise.resolve(),
    style: (_format, text) => text,
    interruption: () => controller.signal,
    ...members,
    written,
    interrupt: () => controller.abort(),
  }
}
