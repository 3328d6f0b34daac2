import { type ChildProcess, type SpawnOptions, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import type { Channel } from './channel/channel.js'
import { ErrorCode, ShmwireError } from './errors.js'
import { openOverStream } from './from-stream.js'
import { clearInterval, setInterval, sleep } from './host.js'
import { JoinedStream } from './joined-stream.js'
import {
  type ChannelOptions,
  invalid,
  misuse,
  OPTION_NAMES,
  resolveOptions,
  show,
  type WaitOptions,
} from './options.js'

/** The options of `spawnChannel`. */
export interface SpawnChannelOptions extends ChannelOptions {
  /** The options of `child_process.spawn`. Of `stdio`, the channel has the first two; the third one is `'inherit'` unless given. `'ignore'` alone sets the third one. */
  spawn?: SpawnOptions | undefined
}

/** A channel to a child process. */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export interface ChildChannel<Incoming = any, Outgoing = any> extends Channel<Incoming, Outgoing> {
  /** The process at the other end. It lives on after the end of the channel, until it exits. */
  readonly child: ChildProcess
}

const SPAWN_OPTION_NAMES: readonly string[] = [...OPTION_NAMES, 'spawn']

/** How long a child whose connection has ended has to exit, so that the error can have its exit code. */
const EXIT_MS = 1_000
/** How often a child that has exited is checked for bytes that are still to read. A process of its own can keep the pipe open. */
const REST_MS = 1_000

/**
 * Starts a program, and resolves to a channel over its standard input and output. The program calls `connect('stdio:')`. Its standard error is
 * that of this process. The exit of the child ends the channel with `PEER_GONE`, unless either side has closed it before.
 *
 * @param options see SpawnChannelOptions; `timeoutMs` of the start is 10,000 unless given. If it ends first, the child is killed.
 * @throws `INVALID_ARGUMENT`, `DENIED`, `VERSION`, `OUT_OF_MEMORY`, `CORRUPT`, `PEER_GONE`, `TIMEOUT`, `ABORTED`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export async function spawnChannel<Incoming = any, Outgoing = any>(
  command: string,
  args: readonly string[] = [],
  options: SpawnChannelOptions & WaitOptions = {},
): Promise<ChildChannel<Incoming, Outgoing>> {
  const settings = resolveOptions(options, SPAWN_OPTION_NAMES)
  checkCommand(command, args)
  if (settings.transport === 'shm')
    throw misuse("transport 'shm' cannot be used over stdio; use connect and listen")
  if (settings.tls !== undefined) throw misuse('the option tls is for tls:// addresses')
  const child = await start(command, args, options.spawn)
  const stream = new JoinedStream({
    readable: child.stdout as Readable,
    writable: child.stdin as Writable,
    others: [child],
    explainEnd: () => exitOf(child, command),
  })
  endAfterExit(child, stream)
  try {
    const channel = await openOverStream(stream, { options, settings, transport: 'stdio' })
    return Object.assign(channel, { child })
  } catch (error) {
    const explained = await withExit(error, command, child)
    child.kill()
    throw explained
  }
}

function checkCommand(command: string, args: readonly string[]): void {
  if (typeof command !== 'string' || command === '')
    throw invalid('command', command, 'the name or the path of a program')
  if (!Array.isArray(args) || !args.every((argument) => typeof argument === 'string'))
    throw invalid('args', args, 'an array of strings')
}

async function start(
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<ChildProcess> {
  if (typeof options !== 'object' || options === null) throw invalid('spawn', options, 'an object')
  const [stderr = 'inherit', ...others] = furtherStreams(options.stdio)
  try {
    // It throws for wrong options, and emits other errors.
    const child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', stderr, ...others] })
    await once(child, 'spawn')
    return child
  } catch (cause) {
    throw startFault(cause as NodeJS.ErrnoException, command, options)
  }
}

/** Those that the channel does not use. */
function furtherStreams(stdio: StdioOptions = []): Exclude<StdioOptions, string> {
  if (typeof stdio === 'string') return [stdio]
  if (!Array.isArray(stdio)) throw invalid('spawn.stdio', stdio, 'a string or an array')
  return stdio.slice(2)
}

function startFault(cause: NodeJS.ErrnoException, command: string, { cwd }: SpawnOptions): ShmwireError {
  const { code: system = '', message } = cause
  const isShort = ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM'].includes(system)
  const isDenied = system === 'ERR_ACCESS_DENIED'
  const other = isDenied ? ErrorCode.DENIED : ErrorCode.INVALID_ARGUMENT
  // The system reports a directory that does not exist as it reports a program that does not exist.
  const place = system === 'ENOENT' && cwd !== undefined ? ` in spawn.cwd: ${show(String(cwd))}` : ''
  return new ShmwireError(
    isShort ? ErrorCode.OUT_OF_MEMORY : other,
    `the program ${command} cannot be started${place}: ${message}`,
    { cause },
  )
}

/** A grandchild can inherit the pipe and keep it open. The bytes that the child has written are read first. */
function endAfterExit(child: ChildProcess, stream: JoinedStream): void {
  child.once('exit', () => {
    let { bytesRead } = stream
    const timer = setInterval(() => {
      if (bytesRead === stream.bytesRead && !stream.isPaused()) stream.destroy()
      bytesRead = stream.bytesRead
    }, REST_MS)
    if (stream.closed) clearInterval(timer)
    else stream.once('close', () => clearInterval(timer))
  })
}

/** The exit of the child explains the end of its connection. */
async function withExit(error: unknown, command: string, child: ChildProcess): Promise<unknown> {
  if (!(error instanceof ShmwireError) || error.code !== ErrorCode.PEER_GONE) return error
  const exit = await exitOf(child, command)
  if (exit === undefined) return error
  return new ShmwireError(ErrorCode.PEER_GONE, `${exit} before it called connect('stdio:')`, { cause: error })
}

/** How the child has ended. Undefined: it still runs, although its connection has ended. */
async function exitOf(child: ChildProcess, command: string): Promise<string | undefined> {
  const hasExited = (): boolean => child.exitCode !== null || child.signalCode !== null
  if (!hasExited()) {
    const exit = new Promise((resolve) => child.once('exit', resolve))
    await Promise.race([exit, sleep(EXIT_MS, undefined, { ref: false })])
  }
  if (!hasExited()) return undefined
  const { exitCode, signalCode } = child
  const how = signalCode === null ? `ended with exit code ${exitCode}` : `was killed by ${signalCode}`
  return `the program ${command} ${how}`
}
