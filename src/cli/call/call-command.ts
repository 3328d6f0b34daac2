import { parseArgs } from 'node:util'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { nowMs } from '../../host.js'
import { nearest } from '../../nearest.js'
import { BUILT_IN } from '../../service/built-in-methods.js'
import type { CallOptions } from '../../service/call/call-context.js'
import type { UntypedAnswer } from '../../service/call/untyped-answer.js'
import { type ClientMembers, client } from '../../service/client.js'
import type { CallKind } from '../../service/contract/contract.js'
import type { CallStream, UntypedCall } from '../../service/contract/contract-types.js'
import { announcedServices, titleOf } from '../announced-services.js'
import { closeAfter } from '../close-after.js'
import { type Command, CommandError, type CommandIo, UsageError } from '../command.js'
import { inputMessages } from '../input-messages.js'
import {
  CODEC_HELP,
  checkArgumentCount,
  codecName,
  durationMs,
  localAddress,
  MESSAGE_OPTIONS,
} from '../message-options.js'
import { outputLine } from '../output-line.js'
import { describedMethods } from './described-methods.js'
import { parseHeaders } from './headers.js'

export const callCommand: Command = {
  name: 'call',
  summary: 'call a method of a service',
  help: `Usage: shmwire call <address> <service>/<method> [<request> | -] [options]

Calls a method, and prints the answer as a line of JSON, or each message of a stream as one. The service itself reports
its methods, so no contract is needed. A service without a name needs only <method>.

  <request>              JSON; none by default. With '-', each line of stdin is a message of a stream, and a method
                         that takes one message gets the first line
  --stream               the lines of stdin are a stream, for a service without a contract, which does not report what
                         its methods take
  --header <name=value>  metadata of the call; repeatable
  --text                 the request is a text, not JSON, and answers that are texts are printed as such
${CODEC_HELP}
  --timeout <seconds>    the deadline of connection and call (default 10); 0: none for the call, for streams
                         without an end

Each service has the methods $info, $stats and $ping. A method of a .proto file has a small first letter, and its
messages have the names of the fields in JSON.

Examples:
  shmwire call users getUser '{"id":7}'
  shmwire call api user.UserService/getUser '{"id":7}' --timeout 2
  shmwire call users '$info'
`,
  run,
}

/** A service that does not answer the close has answered the call. */
const CLOSE_TIMEOUT_MS = 10_000

type AnyClient = Readonly<Record<string, UntypedCall>> & ClientMembers

async function run(args: readonly string[], io: CommandIo): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...MESSAGE_OPTIONS,
      header: { type: 'string', multiple: true },
      stream: { type: 'boolean', default: false },
    },
  })
  checkArgumentCount(positionals, 3)
  const [first, path, request] = positionals
  const address = localAddress(first)
  if (path === undefined)
    throw new UsageError(
      "the method is missing, for example 'getUser', or 'user.UserService/getUser' for a service with a name",
    )
  const signal = io.interruption()
  const deadline = new Deadline(values.timeout)
  const metadata = parseHeaders(values.header ?? [])
  const { text, stream } = values
  const codec = codecName(values.codec)
  // Before the connection, because wrong arguments need none.
  const requests =
    request === undefined ? undefined : inputMessages(request, { codec, text }, { stdin: io.stdin, signal })
  const invocation = { address, ...splitPath(path), requests, stream, metadata, signal, deadline }
  try {
    const connected = (await client(address, {
      name: invocation.service,
      retries: 0,
      signal,
      channel: { codec, timeoutMs: deadline.leftForConnection() },
    })) as AnyClient
    const printAnswer = async (): Promise<void> => {
      for await (const message of messagesOf(await callMethod(connected, invocation))) {
        io.out(outputLine(message, text))
        await io.drained()
      }
    }
    await closeAfter(printAnswer, (timeoutMs) => connected.$close({ timeoutMs }), CLOSE_TIMEOUT_MS)
  } catch (error) {
    if (deadline.isOver() && error instanceof ShmwireError && error.code === ErrorCode.TIMEOUT)
      throw new ShmwireError(ErrorCode.TIMEOUT, `${path} took longer than --timeout ${values.timeout}`, {
        cause: error,
      })
    throw error
  }
}

/** The end of `--timeout`, for all parts of the command together. */
class Deadline {
  readonly #endMs: number

  /** Throws UsageError. */
  constructor(timeout: string) {
    const isUnbounded = Number(timeout) === 0 && timeout.trim() !== ''
    this.#endMs = isUnbounded ? Number.POSITIVE_INFINITY : nowMs() + durationMs('--timeout', timeout)
  }

  /** Infinity: there is no end. */
  leftMs(): number {
    return Math.max(1, Math.ceil(this.#endMs - nowMs()))
  }

  /** Undefined: the default of `connect`. */
  leftForConnection(): number | undefined {
    const left = this.leftMs()
    return Number.isFinite(left) ? left : undefined
  }

  isOver(): boolean {
    // A timer can fire a little early.
    return nowMs() >= this.#endMs - TIMER_MS
  }
}

const TIMER_MS = 2

/** The text behind the last slash is the method. Throws UsageError. */
function splitPath(path: string): { readonly service: string; readonly method: string } {
  const end = path.lastIndexOf('/')
  const method = path.slice(end + 1)
  if (method === '') throw new UsageError(`${path}: the method is missing behind the slash`)
  return { service: end === -1 ? '' : path.slice(0, end), method }
}

interface Invocation {
  readonly address: string
  readonly service: string
  readonly method: string
  /** Undefined: there is no message. */
  readonly requests: AsyncIterable<unknown> | undefined
  /** The method takes a stream, though the service does not report it. */
  readonly stream: boolean
  readonly metadata: Record<string, string>
  readonly signal: AbortSignal
  readonly deadline: Deadline
}

/** Returns the answer, or a stream of answers. */
async function callMethod(connected: AnyClient, invocation: Invocation): Promise<Answer> {
  const { method, requests, stream } = invocation
  const options = optionsOf(invocation)
  if (method === BUILT_IN.info) return { one: await infoOf(connected, invocation, options) }
  if (method === BUILT_IN.stats) return { one: await connected.$stats(options) }
  if (method === BUILT_IN.ping) return { one: (await connected.$ping(options)) ?? null }
  const kind = await kindOf(connected, invocation)
  const invoke = connected[method] as UntypedCall
  if (kind === 'clientStream') return { one: await invoke(requests ?? none(), optionsOf(invocation)) }
  if (kind === 'bidi')
    return { many: invoke(requests ?? none(), optionsOf(invocation)) as CallStream<unknown> }
  if (kind !== undefined && stream)
    throw new CommandError(`'${method}' takes one message; leave out --stream`)
  const request = stream ? (requests ?? none()) : await oneOf(requests, kind !== undefined)
  const answer = invoke(request, optionsOf(invocation))
  if (kind === 'serverStream') return { many: answer as CallStream<unknown> }
  if (kind === 'unary') return { one: await answer }
  const either: unknown = await (answer as UntypedAnswer).either()
  return isStream(either) ? { many: either } : { one: either }
}

function optionsOf({ metadata, signal, deadline }: Invocation): CallOptions {
  return { metadata, signal, timeoutMs: deadline.leftMs() }
}

type Answer = { readonly one: unknown } | { readonly many: AsyncIterable<unknown> }

async function* messagesOf(answer: Answer): AsyncGenerator<unknown, undefined> {
  if ('one' in answer) yield answer.one
  else yield* answer.many
}

/** Undefined: the service has no contract. Throws CommandError if it has no such method. */
async function kindOf(connected: AnyClient, invocation: Invocation): Promise<CallKind | undefined> {
  const { service, method, signal, deadline } = invocation
  const info = await infoOf(connected, invocation, { signal, timeoutMs: deadline.leftMs() })
  const methods = describedMethods(info)
  const found = methods.find(({ name }) => name === method)
  if (found !== undefined) return found.kind
  const names = methods.map(({ name }) => name)
  const similar = nearest(method, names)
  const suggestion = similar === undefined ? '' : `; did you mean '${similar}'?`
  const list = names.length === 0 ? 'it has none' : `its methods are ${names.join(', ')}`
  throw new CommandError(
    `the service${service === '' ? '' : ` '${service}'`} has no method '${method}'${suggestion} (${list})`,
  )
}

/** Throws CommandError, with the services of the server, if it has no such service. */
async function infoOf(
  connected: AnyClient,
  { address, service, method, signal, deadline }: Invocation,
  options: CallOptions,
): Promise<unknown> {
  try {
    return await connected.$info(options)
  } catch (error) {
    if (!(error instanceof ShmwireError) || error.code !== ErrorCode.NO_HANDLER) throw error
    const services = await announcedServices(address, { signal, timeoutMs: deadline.leftForConnection() })
    if (services.length === 0 || services.some(({ name }) => name === service)) throw error
    const names = services.map(({ name }) => (name === '' ? 'one without a name' : `'${name}'`))
    const example = services[0]?.name === '' ? method : `${services[0]?.name}/${method}`
    throw new CommandError(
      `there is no ${titleOf(service)} at this address; the services there are ${names.join(', ')} (for example ${example})`,
      { cause: error },
    )
  }
}

/** A method of unknown kind may take a stream, so the rest of the messages must not be dropped. */
async function oneOf(messages: AsyncIterable<unknown> | undefined, isKnown: boolean): Promise<unknown> {
  if (messages === undefined) return undefined
  let count = 0
  let first: unknown
  for await (const message of messages) {
    count += 1
    if (count > 1)
      throw new CommandError(
        'the input has more than one message, and the service does not report what its method takes; pass --stream if it takes a stream, or one line if it does not',
      )
    first = message
    if (isKnown) break
  }
  if (count === 0)
    throw new CommandError('the input has no message; write one line of JSON, or leave out the argument -')
  return first
}

async function* none(): AsyncGenerator<unknown, undefined> {}

function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
