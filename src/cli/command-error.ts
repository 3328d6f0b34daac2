/** The command cannot do its work. The message is for the person who started it. */
export class CommandError extends Error {
  override name = 'CommandError'
}

/** The arguments are wrong. */
export class UsageError extends CommandError {
  override name = 'UsageError'
}
