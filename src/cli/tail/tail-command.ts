import { parseArgs } from 'node:util'
import type { WatchOptions } from '../../messaging/cell/types.js'
import { watch } from '../../messaging/cell/watch.js'
import { serviceName } from '../../messaging/service-name.js'
import { KeyFilter } from '../../messaging/topic/key.js'
import { subscribe } from '../../messaging/topic/subscribe.js'
import type { SubscribeFrom } from '../../messaging/topic/types.js'
import { type Command, type CommandIo, UsageError } from '../command.js'
import {
  asUsage,
  checkArgumentCount,
  codecName,
  durationMs,
  localAddress,
  MESSAGE_OPTIONS,
  MESSAGE_OPTIONS_HELP,
  positiveInteger,
} from '../message-options.js'
import { outputLine } from '../output-line.js'
import { subscribeFrom } from './subscribe-from.js'

export const tailCommand: Command = {
  name: 'tail',
  summary: 'print the messages of a topic, or the values of a cell',
  help: `Usage: shmwire tail <address> [options]

Subscribes to the topic at the address, and prints each message as a line of JSON, until the topic ends or you press
Ctrl-C. A topic with overflow 'lose' never waits for it; others wait for it or disconnect it. If the output is read too
slowly, it loses messages of the former, and reports their number on stderr.

  --cell                 watch a cell: print its value, and then each newer one
  --count <n>            end after n messages
  --from <position>      the first message: next (default), last, oldest, or <epoch>:<sequence> for those after it
  --key <pattern>        only messages with this key; * stands for a word, and > at the end for the rest; repeatable
  --name <name>          the name of the topic or the cell, if its server has several
  --info                 print objects with the message and its sequence, key and headers
  --text                 print messages that are texts as such, not as JSON
${MESSAGE_OPTIONS_HELP}

Examples:
  shmwire tail feed --from oldest --key 'stocks.>'
  shmwire tail feed --count 1 --info
  shmwire tail status --cell --count 1
`,
  run,
}

interface Tail {
  readonly address: string
  readonly text: boolean
  readonly info: boolean
  readonly countMax: number
  /** For `subscribe` and `watch`. */
  readonly options: Omit<WatchOptions, 'engine'>
}

async function run(args: readonly string[], io: CommandIo): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...MESSAGE_OPTIONS,
      cell: { type: 'boolean', default: false },
      count: { type: 'string' },
      from: { type: 'string' },
      key: { type: 'string', multiple: true },
      name: { type: 'string' },
      info: { type: 'boolean', default: false },
    },
  })
  checkArgumentCount(positionals, 1)
  const { cell, count, key: keys, text, info, name } = values
  asUsage(() => serviceName(cell ? 'cell' : 'topic', name))
  asUsage(() => new KeyFilter(keys))
  const tail: Tail = {
    address: localAddress(positionals[0]),
    text,
    info,
    countMax:
      count === undefined
        ? Number.POSITIVE_INFINITY
        : positiveInteger('--count', count, Number.MAX_SAFE_INTEGER),
    options: {
      codec: codecName(values.codec),
      name,
      signal: io.interruption(),
      timeoutMs: durationMs('--timeout', values.timeout),
    },
  }
  if (!cell) return tailTopic(tail, { from: subscribeFrom(values.from), keys }, io)
  if (values.from !== undefined || keys !== undefined)
    throw new UsageError('--from and --key are for topics; a cell has one value')
  return tailCell(tail, io)
}

async function tailTopic(
  tail: Tail,
  selection: { readonly from: SubscribeFrom; readonly keys: readonly string[] | undefined },
  io: CommandIo,
): Promise<void> {
  const subscription = await subscribe(tail.address, { ...tail.options, ...selection })
  subscription.on('lost', (count) => {
    const what = count === 'unknown' ? 'an unknown number of messages' : `${count} messages`
    io.error(`shmwire tail: ${what} lost: they left the memory of the topic before they were read\n`)
  })
  await printEntries(subscription, tail, io, (message, { epoch, sequence, key, headers }) => {
    return { epoch, sequence, ...(key === undefined ? {} : { key }), headers, message }
  })
}

async function tailCell(tail: Tail, io: CommandIo): Promise<void> {
  const watched = await watch(tail.address, tail.options)
  watched.on('stale', () =>
    io.error('shmwire tail: the writer of the cell has ended; waiting for the next one\n'),
  )
  await printEntries(watched, tail, io, (value, { epoch, version, initial }) => {
    return { epoch, version, initial, value }
  })
}

interface Source<Info> {
  entries(): AsyncIterableIterator<[message: unknown, info: Info]>
  close(): Promise<void>
}

async function printEntries<Info>(
  source: Source<Info>,
  { text, info: withInfo, countMax }: Tail,
  io: CommandIo,
  describe: (message: unknown, info: Info) => object,
): Promise<void> {
  const interruption = io.interruption()
  let closed: Promise<void> | undefined
  const close = (): void => {
    closed ??= source.close()
  }
  interruption.addEventListener('abort', close, { once: true })
  if (interruption.aborted) close()
  try {
    let count = 0
    for await (const [message, info] of source.entries()) {
      io.out(withInfo ? outputLine(describe(message, info), false) : outputLine(message, text))
      await io.drained()
      count += 1
      if (count >= countMax || interruption.aborted) break
    }
  } finally {
    interruption.removeEventListener('abort', close)
    close()
    await closed
  }
}
