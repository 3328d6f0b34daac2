import { parseArgs } from 'node:util'
import { nearest } from '../../nearest.js'
import { BUILT_IN } from '../../service/built-in-methods.js'
import type { CallOptions } from '../../service/call/call-context.js'
import type { UntypedAnswer } from '../../service/call/untyped-answer.js'
import { type ClientMembers, client } from '../../service/client.js'
import type { CallKind } from '../../service/contract/contract.js'
import type { CallStream, UntypedCall } from '../../service/contract/contract-types.js'
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
  --header <name=value>  metadata of the call; repeatable
  --text                 the request is a text, not JSON, and answers that are texts are printed as such
${CODEC_HELP}
  --timeout <seconds>    the deadline of the call (default 10); 0: none, for streams without an end

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
    options: { ...MESSAGE_OPTIONS, header: { type: 'string', multiple: true } },
  })
  checkArgumentCount(positionals, 3)
  const [first, path, request] = positionals
  const address = localAddress(first)
  if (path === undefined) throw new UsageError('the method is missing, for example users/getUser')
  const { service, method } = splitPath(path)
  const codec = codecName(values.codec)
  const options = {
    signal: io.interruption(),
    timeoutMs: values.timeout === '0' ? Number.POSITIVE_INFINITY : durationMs('--timeout', values.timeout),
    metadata: parseHeaders(values.header ?? []),
  }
  const { text } = values
  // Before the connection, because wrong arguments need none.
  const requests = request === undefined ? undefined : inputMessages(request, { codec, text }, io.stdin)
  const { signal, timeoutMs } = options
  const connected = (await client(address, {
    name: service,
    retries: 0,
    signal,
    timeoutMs,
    channel: { codec },
  })) as AnyClient
  const printAnswer = async (): Promise<void> => {
    const answer = await callMethod(connected, { service, method, requests, options })
    for await (const message of messagesOf(answer)) {
      io.out(outputLine(message, text))
      await io.drained()
    }
  }
  await closeAfter(printAnswer, () => connected.$close({ timeoutMs: CLOSE_TIMEOUT_MS }))
}

/** The text behind the last slash is the method. Throws UsageError. */
function splitPath(path: string): { readonly service: string; readonly method: string } {
  const end = path.lastIndexOf('/')
  const method = path.slice(end + 1)
  if (method === '') throw new UsageError(`${path}: the method is missing behind the slash`)
  return { service: end === -1 ? '' : path.slice(0, end), method }
}

interface Invocation {
  readonly service: string
  readonly method: string
  /** Undefined: there is no message. */
  readonly requests: AsyncIterable<unknown> | undefined
  readonly options: CallOptions
}

/** Returns the answer, or a stream of answers. */
async function callMethod(connected: AnyClient, invocation: Invocation): Promise<Answer> {
  const { method, requests, options } = invocation
  if (method === BUILT_IN.info) return { one: await connected.$info(options) }
  if (method === BUILT_IN.stats) return { one: await connected.$stats(options) }
  if (method === BUILT_IN.ping) return { one: (await connected.$ping(options)) ?? null }
  const { signal, timeoutMs } = options
  const kind = await kindOf(connected, invocation, { signal, timeoutMs })
  const invoke = connected[method] as UntypedCall
  if (kind === 'clientStream') return { one: await invoke(requests ?? none(), options) }
  if (kind === 'bidi') return { many: invoke(requests ?? none(), options) as CallStream<unknown> }
  const request = requests === undefined ? undefined : await firstOf(requests)
  const answer = invoke(request, options)
  if (kind === 'serverStream') return { many: answer as CallStream<unknown> }
  if (kind === 'unary') return { one: await answer }
  const either: unknown = await (answer as UntypedAnswer).either()
  return isStream(either) ? { many: either } : { one: either }
}

type Answer = { readonly one: unknown } | { readonly many: AsyncIterable<unknown> }

async function* messagesOf(answer: Answer): AsyncGenerator<unknown, undefined> {
  if ('one' in answer) yield answer.one
  else yield* answer.many
}

/** Undefined: the service has no contract. Throws CommandError if it has no such method. */
async function kindOf(
  connected: AnyClient,
  { service, method }: Invocation,
  bounds: CallOptions,
): Promise<CallKind | undefined> {
  const methods = describedMethods(await connected.$info(bounds))
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

async function firstOf(messages: AsyncIterable<unknown>): Promise<unknown> {
  for await (const message of messages) return message
  throw new CommandError('the input has no message; write one line of JSON, or leave out the argument -')
}

async function* none(): AsyncGenerator<unknown, undefined> {}

function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
