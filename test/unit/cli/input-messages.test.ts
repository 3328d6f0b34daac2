import { PassThrough, Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { CommandError, UsageError } from '../../../src/cli/command.js'
import { type Input, type InputForm, inputMessages } from '../../../src/cli/input-messages.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'

const JSON_FORM: InputForm = { codec: 'msgpack', text: false }

function stdin(...chunks: (string | Buffer)[]): Readable {
  return Readable.from(
    chunks.map((chunk) => Buffer.from(chunk)),
    { objectMode: false },
  )
}

function inputOf(source: Readable, signal = new AbortController().signal): Input {
  return { stdin: source, signal }
}

async function all(argument: string, form: InputForm, input = stdin()): Promise<unknown[]> {
  const messages: unknown[] = []
  for await (const message of inputMessages(argument, form, inputOf(input))) messages.push(message)
  return messages
}

describe('inputMessages', () => {
  it('takes an argument as JSON, as a text, or as bytes', async () => {
    expect(await all('{"a":1}', JSON_FORM)).toEqual([{ a: 1 }])
    expect(await all('{"a":1}', { codec: 'json', text: true })).toEqual(['{"a":1}'])
    expect(await all('hi', { codec: 'bytes', text: false })).toEqual([Buffer.from('hi')])
  })

  it('refuses an argument that is not JSON before it reads', () => {
    expect(() => inputMessages('hello', JSON_FORM, inputOf(stdin()))).toThrow(UsageError)
    expect(() => inputMessages('hello', JSON_FORM, inputOf(stdin()))).toThrow(
      /^the message is not JSON: .*--text$/,
    )
  })

  it('takes each line of stdin as a message, however the chunks divide it', async () => {
    const input = stdin('{"a"', ':1}\n"', Buffer.from([0xc3]), Buffer.from([0xbc]), '"\r\n\n3')
    expect(await all('-', JSON_FORM, input)).toEqual([{ a: 1 }, 'ü', 3])
  })

  it('takes empty lines as messages with text', async () => {
    expect(await all('-', { codec: 'msgpack', text: true }, stdin('a\n\nb\n'))).toEqual(['a', '', 'b'])
  })

  it('takes all of stdin as one message of bytes', async () => {
    const form: InputForm = { codec: 'bytes', text: false }
    expect(await all('-', form, stdin('a\n', 'b'))).toEqual([Buffer.from('a\nb')])
    expect(await all('-', { ...form, text: true }, stdin('a\nb'))).toEqual([
      Buffer.from('a'),
      Buffer.from('b'),
    ])
  })

  it('names the line that is not JSON, after the messages before it', async () => {
    const messages = inputMessages('-', JSON_FORM, inputOf(stdin('1\n\n{x\n')))[Symbol.asyncIterator]()
    expect(await messages.next()).toEqual({ done: false, value: 1 })
    const failed = messages.next()
    await expect(failed).rejects.toThrow(/^line 3 of the input is not JSON: /)
    await expect(failed).rejects.toThrow(CommandError)
  })

  it.each([JSON_FORM, { codec: 'bytes', text: false }] as const)(
    'closes an open stdin and rejects with ABORTED when the signal fires: %j',
    async (form) => {
      const open = new PassThrough()
      const controller = new AbortController()
      const next = inputMessages('-', form, inputOf(open, controller.signal))[Symbol.asyncIterator]().next()
      controller.abort()
      await expect(next).rejects.toMatchObject({ code: 'ERR_SHMWIRE_ABORTED' })
      expect(open.destroyed).toBe(true)
    },
  )

  it('rejects with the error that the signal has as its reason', async () => {
    const open = new PassThrough()
    const controller = new AbortController()
    const error = new ShmwireError(ErrorCode.PEER_GONE, 'gone')
    const messages = inputMessages('-', JSON_FORM, inputOf(open, controller.signal))
    const next = messages[Symbol.asyncIterator]().next()
    controller.abort(error)
    await expect(next).rejects.toBe(error)
  })

  it('closes stdin when no further message is read', async () => {
    const open = new PassThrough()
    open.write('1\n')
    for await (const message of inputMessages('-', JSON_FORM, inputOf(open))) {
      expect(message).toBe(1)
      break
    }
    expect(open.destroyed).toBe(true)
  })

  it('bounds the bytes of a line, not its characters', async () => {
    const chunk = Buffer.from('ü'.repeat(2 ** 23))
    const input = Readable.from(
      Array.from({ length: 5 }, () => chunk),
      { objectMode: false },
    )
    await expect(all('-', { codec: 'json', text: true }, input)).rejects.toThrow(
      /^a message of the input is longer than 67108864 bytes; send it in parts$/,
    )
  })
})
