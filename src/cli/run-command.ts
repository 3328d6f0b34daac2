import { ErrorCode, ShmwireError } from '../errors.js'
import { nearest } from '../nearest.js'
import { printable } from '../printable.js'
import { ServiceError } from '../service-error.js'
import { type Command, CommandError, type CommandIo, UsageError } from './command.js'
import { COMMANDS } from './commands.js'
import { jsonLine } from './json-line.js'
import { packageVersion } from './package-version.js'
import { parseFault } from './parse-fault.js'

/** As in most programs of Unix. */
const ExitCode = { SUCCESS: 0, FAILURE: 1, USAGE: 2 } as const

/** Runs `shmwire <args>` and returns the exit code. */
export async function runCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined) {
    io.error(overview())
    return ExitCode.USAGE
  }
  if (name === '--version' || name === '-v') {
    io.out(`${packageVersion(io.root)}\n`)
    return ExitCode.SUCCESS
  }
  if (name === 'help' || name === '--help' || name === '-h') return help(rest[0], io)
  const command = find(name)
  if (command === undefined) return unknownCommand(name, io)
  if (asksForHelp(rest)) {
    io.out(command.help)
    return ExitCode.SUCCESS
  }
  return run(command, rest, io)
}

async function run(command: Command, args: readonly string[], io: CommandIo): Promise<number> {
  try {
    await command.run(args, io)
    return ExitCode.SUCCESS
  } catch (error) {
    const usage = error instanceof UsageError ? error.message : parseFault(error, command)
    if (usage !== undefined) {
      io.error(
        `shmwire ${command.name}: ${printable(usage)}\n\n${usageOf(command)}\n'shmwire ${command.name} --help' has more.\n`,
      )
      return ExitCode.USAGE
    }
    if (isInterrupted(error, io)) return ExitCode.SUCCESS
    if (error instanceof ShmwireError) io.error(`shmwire ${command.name}: ${errorText(error)}`)
    else if (error instanceof CommandError) io.error(`shmwire ${command.name}: ${printable(error.message)}\n`)
    else throw error
    return ExitCode.FAILURE
  } finally {
    // An open input would keep the process alive after the end of the command.
    io.stdin.destroy()
  }
}

/** The user, or the reader of the output, ended the command. The caller knows the exit code of a signal. */
function isInterrupted(error: unknown, io: CommandIo): boolean {
  return error instanceof ShmwireError && error.code === ErrorCode.ABORTED && io.interruption().aborted
}

/** The message with the code. A service adds its status, and can add a reason and details. */
function errorText(error: ShmwireError): string {
  if (!(error instanceof ServiceError)) return `${error.message} (${error.code})\n`
  const { message, code, status, reason, details } = error
  const codes = [code, status, ...(reason === undefined ? [] : [printable(reason)])].join(' ')
  return `${message} (${codes})\n${details === undefined ? '' : `details: ${jsonLine(details)}\n`}`
}

function help(name: string | undefined, io: CommandIo): number {
  if (name === undefined) {
    io.out(overview())
    return ExitCode.SUCCESS
  }
  const command = find(name)
  if (command === undefined) return unknownCommand(name, io)
  io.out(command.help)
  return ExitCode.SUCCESS
}

function find(name: string): Command | undefined {
  return COMMANDS.find((candidate) => candidate.name === name)
}

function unknownCommand(name: string, io: CommandIo): number {
  const similar = nearest(
    name,
    COMMANDS.map((command) => command.name),
  )
  const suggestion = similar === undefined ? '' : `; did you mean '${similar}'?`
  io.error(`shmwire: unknown command '${printable(name, 64)}'${suggestion}\n\n${overview()}`)
  return ExitCode.USAGE
}

/** Behind `--`, it is an argument. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  const options = end === -1 ? args : args.slice(0, end)
  return options.includes('--help') || options.includes('-h')
}

/** The lines of the help up to the first empty one. */
function usageOf({ help: text }: Command): string {
  return text.slice(0, text.indexOf('\n\n') + 1)
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length))
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}   ${summary}`)
  return `Usage: shmwire <command> [options]

${lines.join('\n')}

'shmwire <command> --help' has the options of a command. 'shmwire --version' prints the version.
The exit code is 0, 1 after a failure, 2 for wrong arguments, and 130 after Ctrl-C.
`
}
