/** A command of the program `shmwire`. `run` ends normally, or throws a CommandError. */
export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  readonly help: string
  /** `root` is the folder of the package. */
  run(args: readonly string[], root: string): Promise<void>
}

/** The command cannot do its work. The message is for the person who started it. */
export class CommandError extends Error {
  override name = 'CommandError'
}

/** The arguments are wrong. */
export class UsageError extends CommandError {
  override name = 'UsageError'
}
