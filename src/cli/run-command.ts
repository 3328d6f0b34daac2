import { firstLineOfThrown } from '../uncaught.js'
import { buildCommand } from './build/build-command.js'
import { type Command, CommandError, UsageError } from './command.js'
import { listCommand } from './list/list-command.js'
import { metricsCommand } from './metrics/metrics-command.js'
import { topCommand } from './top/top-command.js'

const COMMANDS: readonly Command[] = [listCommand, topCommand, metricsCommand, buildCommand]

/** As in most programs of Unix. */
const ExitCode = { SUCCESS: 0, FAILURE: 1, USAGE: 2 } as const

export interface Output {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
}

/** Runs `shmwire <args>` and returns the exit code. */
export async function runCommand(args: readonly string[], root: string, output: Output): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const show = name === undefined ? output.error : output.out
    show(overview())
    return name === undefined ? ExitCode.USAGE : ExitCode.SUCCESS
  }
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command === undefined) {
    output.error(`shmwire: unknown command '${name}'\n\n${overview()}`)
    return ExitCode.USAGE
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    output.out(command.help)
    return ExitCode.SUCCESS
  }
  try {
    await command.run(rest, root)
    return ExitCode.SUCCESS
  } catch (error) {
    if (isUsage(error)) {
      output.error(`shmwire ${name}: ${firstLineOfThrown(error)}\n\n${command.help}`)
      return ExitCode.USAGE
    }
    if (!(error instanceof CommandError)) throw error
    output.error(`shmwire ${name}: ${error.message}\n`)
    return ExitCode.FAILURE
  }
}

/** Of the command, or of parseArgs. */
function isUsage(error: unknown): boolean {
  if (error instanceof UsageError) return true
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS_')
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length))
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}   ${summary}`)
  return `Usage: shmwire <command> [options]\n\n${lines.join('\n')}\n\n'shmwire <command> --help' has its options.\n`
}
