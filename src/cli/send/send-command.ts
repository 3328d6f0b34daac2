import { parseArgs } from 'node:util'
import type { CodecName } from '../../codec/codec.js'
import { connect } from '../../connect.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { newAbortController } from '../../host.js'
import { openQueue } from '../../messaging/queue/open-queue.js'
import { serviceName } from '../../messaging/service-name.js'
import { encodeKey } from '../../messaging/topic/key.js'
import { openTopic } from '../../messaging/topic/open-topic.js'
import type { WaitOptions } from '../../options.js'
import { announcedServices, titleOf } from '../announced-services.js'
import { closeAfter, closeAfterFailure } from '../close-after.js'
import { type Command, CommandError, type CommandIo, UsageError } from '../command.js'
import { inputMessages } from '../input-messages.js'
import {
  asUsage,
  checkArgumentCount,
  codecName,
  durationMs,
  localAddress,
  MESSAGE_OPTIONS,
  MESSAGE_OPTIONS_HELP,
} from '../message-options.js'
import { outputLine } from '../output-line.js'

export const sendCommand: Command = {
  name: 'send',
  summary: 'send messages to a channel, a topic or a queue',
  help: `Usage: shmwire send <address> [<message> | -] [options]

Sends a message to the server at the address, and ends when the server has it. A message is JSON. With '-', or without a
message, each line of stdin is a message.

  --request              ask for a reply to each message, and print the replies as lines of JSON
  --topic                publish to a topic; --queue pushes jobs to a queue. Default: a message over a channel
  --channel              a message over a channel, though the server has a service, a topic, a cell or a queue
  --name <name>          the name of the topic or the queue, if its server has several
  --key <key>            the routing key of the messages of a topic or the jobs of a queue
  --text                 a message is a text, not JSON, and replies that are texts are printed as such
${MESSAGE_OPTIONS_HELP}

With --codec bytes, a message is the bytes of the text, and all of stdin is one message.

Examples:
  shmwire send prices '{"symbol":"ABC"}' --request
  shmwire send feed '{"price":101}' --topic --key stocks.ABC
  cat jobs.jsonl | shmwire send jobs --queue
`,
  run,
}

/** The receiver of the messages. */
interface Target {
  send(message: unknown, options: WaitOptions): Promise<unknown>
  /** Undefined: it does not answer. */
  readonly request: ((message: unknown, options: WaitOptions) => Promise<unknown>) | undefined
  close(options: WaitOptions): Promise<void>
  /** Calls the listener when no further message can be sent. */
  readonly onClosed: (listener: (error: Error | undefined) => void) => void
}

interface TargetOptions {
  readonly codec: CodecName
  readonly name: string | undefined
  readonly key: string | undefined
  readonly bounds: WaitOptions
}

async function run(args: readonly string[], io: CommandIo): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...MESSAGE_OPTIONS,
      request: { type: 'boolean', default: false },
      topic: { type: 'boolean', default: false },
      queue: { type: 'boolean', default: false },
      channel: { type: 'boolean', default: false },
      name: { type: 'string' },
      key: { type: 'string' },
    },
  })
  checkArgumentCount(positionals, 2)
  const [first, message = '-'] = positionals
  const address = localAddress(first)
  const codec = codecName(values.codec)
  const interruption = io.interruption()
  const timeoutMs = durationMs('--timeout', values.timeout)
  const bounds = { signal: interruption, timeoutMs }
  const open = opener(values)
  const { text, request, topic, name, key } = values
  asUsage(() => serviceName(topic ? 'topic' : 'queue', name))
  asUsage(() => encodeKey(key))
  const ending = newAbortController()
  const signal = AbortSignal.any([interruption, ending.signal])
  // Before the connection, because wrong arguments need none.
  const messages = inputMessages(message, { codec, text }, { stdin: io.stdin, signal })
  const target = await open(address, { codec, name, key, bounds })
  target.onClosed((error) => ending.abort(error ?? channelClosed()))
  const sendAll = async (): Promise<void> => {
    for await (const value of messages) {
      if (!request || target.request === undefined) await target.send(value, bounds)
      else io.out(outputLine(await target.request(value, bounds), text))
      await io.drained()
    }
  }
  await closeAfter(
    sendAll,
    (closeMs) => target.close({ signal: interruption, timeoutMs: closeMs }),
    timeoutMs,
  )
}

function channelClosed(): ShmwireError {
  return new ShmwireError(ErrorCode.CLOSED, 'the server has closed the channel')
}

interface Chosen {
  readonly topic: boolean
  readonly queue: boolean
  readonly channel: boolean
  readonly request: boolean
  readonly name?: string | undefined
  readonly key?: string | undefined
}

/** Throws UsageError for options that exclude each other. */
function opener({
  topic,
  queue,
  channel,
  request,
  name,
  key,
}: Chosen): (address: string, options: TargetOptions) => Promise<Target> {
  if (Number(topic) + Number(queue) + Number(channel) > 1)
    throw new UsageError('--topic, --queue and --channel exclude each other')
  if (topic && request) throw new UsageError('a topic does not answer; leave out --request')
  if (topic) return openTopicTarget
  if (queue) return openQueueTarget
  if (name !== undefined || key !== undefined)
    throw new UsageError('--name and --key are for --topic and --queue; a channel has neither')
  return channel ? openChannelTarget : openPlainTarget
}

/** A plain message to a service, a topic or a queue would be lost: only their own messages have a reader. */
async function openPlainTarget(address: string, options: TargetOptions): Promise<Target> {
  const target = await openChannelTarget(address, options)
  await closeAfterFailure(
    async () => {
      const [service] = await announcedServices(address, options.bounds)
      if (service !== undefined) throw new CommandError(refusalOf(service.name))
    },
    (timeoutMs) => target.close({ timeoutMs }),
  )
  return target
}

function refusalOf(service: string): string {
  const other = 'pass --channel if it also reads plain messages'
  const [prefix, sort] = service.split('.')
  if (prefix === 'shmwire' && (sort === 'topic' || sort === 'queue'))
    return `the server has a ${sort}, which would not get a plain message; pass --${sort}, or ${other}`
  if (prefix === 'shmwire' && sort === 'cell')
    return `the server has a cell, which only its own process can set; ${other}`
  return `the server has a ${titleOf(service)}, which would not get a plain message; use 'shmwire call', or ${other}`
}

async function openChannelTarget(address: string, { codec, bounds }: TargetOptions): Promise<Target> {
  const channel = await connect(address, { codec, ...bounds })
  return {
    send: (message, options) => channel.send(message, options),
    request: (message, options) => channel.request(message, options),
    close: (options) => channel.close(options),
    onClosed: (listener) => channel.once('close', listener),
  }
}

async function openTopicTarget(address: string, options: TargetOptions): Promise<Target> {
  const { codec, name, key, bounds } = options
  const topic = await openTopic(address, { codec, name, ...bounds })
  return {
    send: (message, wait) => topic.publish(message, { key, ...wait }),
    request: undefined,
    close: (wait) => topic.close(wait),
    onClosed: connectsAgain,
  }
}

async function openQueueTarget(address: string, options: TargetOptions): Promise<Target> {
  const { codec, name, key, bounds } = options
  const queue = await openQueue(address, { codec, name, ...bounds })
  return {
    send: (message, wait) => queue.push(message, { key, ...wait }),
    request: (message, wait) => queue.request(message, { key, ...wait }),
    close: (wait) => queue.close(wait),
    onClosed: connectsAgain,
  }
}

/** The client of a topic or a queue outlives its channel. */
function connectsAgain(): void {}
