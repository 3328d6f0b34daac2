import type { Readable } from 'node:stream'
import type { CodecName } from '../codec/codec.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { firstLineOfThrown } from '../uncaught.js'
import { CommandError, UsageError } from './command.js'

/** As `maxMessageBytes` of a channel by default. */
const INPUT_BYTES_MAX = 64 * 2 ** 20

export interface InputForm {
  readonly codec: CodecName
  /** Messages are texts instead of JSON. */
  readonly text: boolean
}

/** The input, and the signal that ends it. */
export interface Input {
  readonly stdin: Readable
  readonly signal: AbortSignal
}

/**
 * The messages of an argument: itself, or those of stdin for `-`, where each line is a message. With the codec `bytes`, all bytes of stdin are
 * one message. When the signal fires, a read rejects with its reason if that is a ShmwireError, or else with `ABORTED`, and stdin is closed.
 * Throws UsageError for an argument; the iterable throws CommandError for a line of stdin.
 */
export function inputMessages(argument: string, form: InputForm, input: Input): AsyncIterable<unknown> {
  if (argument === '-') return endingWith(input, messagesOfInput(form, input.stdin))
  const message = messageOf(argument, form, (reason) => {
    throw new UsageError(
      `the message is not JSON: ${reason}; quote it for the shell, for example '{"a":1}' or '"text"', or pass --text`,
    )
  })
  return only(message)
}

async function* only(message: unknown): AsyncGenerator<unknown, undefined> {
  yield message
}

/** An open stdin would keep the process alive, so it is closed in any case. */
async function* endingWith(
  { stdin, signal }: Input,
  messages: AsyncIterable<unknown>,
): AsyncGenerator<unknown, undefined> {
  const stop = (): void => {
    stdin.destroy()
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    if (signal.aborted) throw reasonOf(signal)
    yield* messages
    if (signal.aborted) throw reasonOf(signal)
  } catch (error) {
    // The error of the stream only states that it was closed.
    throw signal.aborted ? reasonOf(signal) : error
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

function reasonOf(signal: AbortSignal): ShmwireError {
  const reason: unknown = signal.reason
  if (reason instanceof ShmwireError) return reason
  return new ShmwireError(ErrorCode.ABORTED, 'reading the input was aborted', { cause: reason })
}

async function* messagesOfInput(form: InputForm, stdin: Readable): AsyncGenerator<unknown, undefined> {
  if (form.codec === 'bytes' && !form.text) {
    yield await allBytes(stdin)
    return
  }
  let number = 0
  for await (const line of lines(stdin)) {
    number += 1
    if (line === '' && !form.text) continue
    yield messageOf(line, form, (reason) => {
      throw new CommandError(`line ${number} of the input is not JSON: ${reason}; fix it, or pass --text`)
    })
  }
}

function messageOf(
  text: string,
  { codec, text: isText }: InputForm,
  refuse: (reason: string) => never,
): unknown {
  if (codec === 'bytes') return Buffer.from(text)
  if (isText) return text
  try {
    return JSON.parse(text)
  } catch (error) {
    return refuse(firstLineOfThrown(error))
  }
}

async function allBytes(stdin: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    checkLength(length)
  }
  return Buffer.concat(chunks)
}

const NEWLINE = 10

/** Without their ends. The last one needs no end. */
async function* lines(stdin: Readable): AsyncGenerator<string, undefined> {
  let parts: Buffer[] = []
  let length = 0
  const line = (): string => withoutReturn(Buffer.concat(parts, length).toString())
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, end))
      length += end - start
      checkLength(length)
      yield line()
      parts = []
      length = 0
      start = end + 1
    }
    parts.push(chunk.subarray(start))
    length += chunk.length - start
    checkLength(length)
  }
  if (length > 0) yield line()
}

/** Windows ends lines with both. */
function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

function checkLength(length: number): void {
  if (length > INPUT_BYTES_MAX)
    throw new CommandError(`a message of the input is longer than ${INPUT_BYTES_MAX} bytes; send it in parts`)
}
