// A message of maximum length, also a hostile one, must not end a process with a heap of 2 GiB or 512 MiB.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
// @ts-expect-error -- the children's module has no types
import { LARGE_MESSAGES } from './children/large-messages.mjs'

const CHILD = fileURLToPath(new URL('children/decode-large.mjs', import.meta.url))
const HEAP_MIB = 2048
/** Ordinary messages of 64 MiB need more. */
const SMALL_HEAP_MIB = 512
const PATIENT_MS = 300_000

/** SHMWIRE_LARGE_MESSAGES=all tests all messages with both heaps, which takes minutes. */
const USUAL: Readonly<Record<number, readonly string[]>> = {
  [HEAP_MIB]: [
    'msgpack records of six fields',
    'msgpack hostile: objects of three keys like an index',
    'json hostile: arrays in arrays',
  ],
  [SMALL_HEAP_MIB]: [
    'msgpack one long text in two bytes a character',
    'msgpack hostile: empty objects',
    'msgpack hostile: a graph of Maps',
    'json objects of six fields',
  ],
}

type Messages = Readonly<Record<string, Readonly<Record<string, { readonly isOrdinary: boolean }>>>>

const all = Object.entries(LARGE_MESSAGES as Messages).flatMap(([codec, messages]) =>
  Object.entries(messages).map(([name, { isOrdinary }]) => ({ codec, name, isOrdinary })),
)

function casesOf(heapMiB: number): typeof all {
  if (process.env['SHMWIRE_LARGE_MESSAGES'] === 'all') return all
  const usual = USUAL[heapMiB]?.map((wanted) =>
    all.find(({ codec, name }) => `${codec} ${name}` === wanted),
  ) as typeof all
  expect(usual).not.toContain(undefined)
  return usual
}

beforeAll(() => ensureBuilt())

describe('a message of 64 MiB, with the default options and a heap of 2 GiB', () => {
  it.each(casesOf(HEAP_MIB))(
    'decodes, or fails with CODEC if hostile: $codec, $name',
    async ({ codec, name, isOrdinary }) => {
      const output = await decodeIn(HEAP_MIB, codec, name)
      expect(output).toMatch(isOrdinary ? /^decoded / : /^(?:decoded |ERR_SHMWIRE_CODEC )/)
    },
    PATIENT_MS,
  )
})

describe('a message of 64 MiB, with the default options and a heap of 512 MiB', () => {
  it.each(casesOf(SMALL_HEAP_MIB))(
    'decodes or fails with CODEC: $codec, $name',
    async ({ codec, name }) => {
      expect(await decodeIn(SMALL_HEAP_MIB, codec, name)).toMatch(/^(?:decoded |ERR_SHMWIRE_CODEC )/)
    },
    PATIENT_MS,
  )
})

/** The output of the child; empty if V8 aborts it. */
async function decodeIn(heapMiB: number, codec: string, name: string): Promise<string> {
  const child = spawn(process.execPath, [`--max-old-space-size=${heapMiB}`, CHILD, codec, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return text(child.stdout)
}
