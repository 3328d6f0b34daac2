#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { runCommand } from './run-command.js'

/** This file is dist/cli/main.js in the package. */
const root = fileURLToPath(new URL('../..', import.meta.url))

process.exitCode = await runCommand(process.argv.slice(2), root, {
  out: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
})
