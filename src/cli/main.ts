#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { styleText } from 'node:util'
import { newAbortController } from '../host.js'
import type { CommandIo } from './command.js'
import { hasColours } from './has-colours.js'
import { openPrompt } from './prompt.js'
import { runCommand } from './run-command.js'

/** This file is dist/cli/main.js in the package. */
const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '')

/** As shells report a process that a signal has ended. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
const WRITE_FAILED = 1
const SIGNALS = Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[]

const controller = newAbortController()
let interruptedBy: keyof typeof EXIT_CODES | undefined
let isListening = false

function interruption(): AbortSignal {
  if (isListening) return controller.signal
  isListening = true
  for (const signal of SIGNALS) {
    // The second signal ends the process at once.
    process.once(signal, () => {
      interruptedBy = signal
      controller.abort()
    })
  }
  return controller.signal
}

let writeFailed = false

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    // As in `shmwire tail prices | head`: the reader has enough.
    if (code !== 'EPIPE') {
      if (!writeFailed && stream === process.stdout)
        process.stderr.write(`shmwire: cannot write: ${code ?? message}\n`)
      writeFailed = true
      process.exitCode = WRITE_FAILED
    }
    controller.abort()
  })
}

function drained(): Promise<void> {
  const { stdout } = process
  const { signal } = controller
  if (!stdout.writableNeedDrain || signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const settle = (): void => {
      stdout.off('drain', settle)
      signal.removeEventListener('abort', settle)
      resolve()
    }
    stdout.on('drain', settle)
    signal.addEventListener('abort', settle)
  })
}

const isColoured = hasColours(process.env, process.stdout)

const io: CommandIo = {
  root,
  env: process.env,
  stdin: process.stdin,
  openPrompt: process.stdin.isTTY && process.stdout.isTTY ? openPrompt : undefined,
  columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  out: (text) => process.stdout.write(text),
  drained,
  error: (text) => process.stderr.write(text),
  style: (format, text) => (isColoured ? styleText(format, text, { validateStream: false }) : text),
  interruption,
}

const code = await runCommand(process.argv.slice(2), io)
if (interruptedBy !== undefined) process.exitCode = EXIT_CODES[interruptedBy]
else process.exitCode = writeFailed ? WRITE_FAILED : code
