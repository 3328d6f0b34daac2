import type { Readable } from 'node:stream'
import type { CodecName } from '../codec/codec.js'
import { MESSAGE_BYTES_MAX } from '../options.js'
import { firstLineOfThrown } from '../uncaught.js'
import { CommandError, UsageError } from './command.js'

export interface InputForm {
  readonly codec: CodecName
  /** Messages are texts instead of JSON. */
  readonly text: boolean
}

/**
 * The messages of an argument: itself, or those of stdin for `-`, where each line is a message. With the codec `bytes`, all bytes of stdin are
 * one message. Throws UsageError for an argument; the iterable throws CommandError for a line of stdin.
 */
export function inputMessages(argument: string, form: InputForm, stdin: Readable): AsyncIterable<unknown> {
  if (argument === '-') return messagesOfInput(form, stdin)
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

/** Without their ends. The last one needs no end. */
async function* lines(stdin: Readable): AsyncGenerator<string, undefined> {
  stdin.setEncoding('utf8')
  let parts: string[] = []
  let length = 0
  for await (const chunk of stdin as AsyncIterable<string>) {
    const [first = '', ...rest] = chunk.split('\n')
    parts.push(first)
    length += first.length
    checkLength(length)
    for (const next of rest) {
      yield withoutReturn(parts.join(''))
      parts = [next]
      length = next.length
    }
  }
  if (length > 0) yield withoutReturn(parts.join(''))
}

/** Windows ends lines with both. */
function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

function checkLength(length: number): void {
  if (length > MESSAGE_BYTES_MAX)
    throw new CommandError(
      `a message of the input is longer than ${MESSAGE_BYTES_MAX} bytes; send it in parts`,
    )
}
