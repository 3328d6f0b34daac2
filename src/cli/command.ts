import type { Readable } from 'node:stream'
import type { styleText } from 'node:util'
import type { Prompt } from './prompt.js'

export { CommandError, UsageError } from './command-error.js'

/** A command of the program `shmwire`. `run` ends normally, or throws a CommandError or a ShmwireError. */
export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  readonly help: string
  run(args: readonly string[], io: CommandIo): Promise<void>
}

/** The surroundings of a command. */
export interface CommandIo {
  /** The folder of the package. */
  readonly root: string
  readonly env: NodeJS.ProcessEnv
  readonly stdin: Readable
  /** Undefined unless a person reads the output and can answer questions. */
  readonly openPrompt: (() => Prompt) | undefined
  /** The width of the terminal; undefined if stdout is not one. */
  readonly columns: number | undefined
  /** Writes to stdout. */
  readonly out: (text: string) => void
  /** Resolves when stdout has room, or has ended. A command that writes much awaits it, so that its output does not fill the memory. */
  readonly drained: () => Promise<void>
  /** Writes to stderr. */
  readonly error: (text: string) => void
  /** Colours a text if stdout is a terminal that has colours. */
  readonly style: (format: Format, text: string) => string
  /**
   * Fires when the user interrupts the command (SIGHUP, SIGINT, SIGTERM), or the reader of its output has ended. Without a call, a signal ends the
   * process at once. A command that calls it must end then.
   */
  readonly interruption: () => AbortSignal
}

/** One format, because `styleText` of Node.js 20 applies an array of them to any stream. */
export type Format = Extract<Parameters<typeof styleText>[0], string>
