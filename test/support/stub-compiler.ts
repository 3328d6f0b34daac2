import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './temporary-directory.js'

/** A program that prints these predefined macros, whatever its arguments are. */
export function stubCompiler(macros: Record<string, string | number>): string {
  const file = join(temporaryDirectory(), 'compiler')
  const lines = Object.entries(macros).map(([name, value]) => `#define ${name} ${value}`)
  writeFileSync(file, `#!/bin/sh\ncat <<'END'\n${lines.join('\n')}\nEND\n`, { mode: 0o755 })
  return file
}
