import { parseArgs } from 'node:util'
import { type Command, CommandError, type CommandIo } from '../command.js'
import { checkArgumentCount, durationMs } from '../message-options.js'
import { checkAddon } from './check-addon.js'
import { checkCopies } from './check-copies.js'
import { checkDirectory } from './check-directory.js'
import { checkEnvironment } from './check-environment.js'
import { exchange, exchangeFinding } from './check-exchange.js'
import { checkLimits } from './check-limits.js'
import { checkProcessors } from './check-processors.js'
import { checkRuntime } from './check-runtime.js'
import { doctorReport } from './doctor-report.js'
import type { Finding } from './finding.js'
import { hostSystem } from './host-system.js'

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'check that shared memory works here, and name the fixes',
  help: `Usage: shmwire doctor [options]

Checks the runtime, the native addon, the directory of the sockets and the limits of the system, and exchanges messages
with another process through shared memory. Each line is 'ok', a 'note' (it works, and could be better) or a 'problem',
and names its fix. Nothing is changed.

  --json                 print one line of JSON: {"ok": …, "findings": [{"check", "status", "text", "fix"}, …]}
  --timeout <seconds>    for the exchange with the other process (default 10)

The exit code is 1 if there is a problem.
`,
  run,
}

async function run(args: readonly string[], io: CommandIo): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, timeout: { type: 'string', default: '10' } },
  })
  checkArgumentCount(positionals, 0)
  const timeoutMs = durationMs('--timeout', values.timeout)
  const findings = await examine(io, timeoutMs)
  const problems = findings.filter(({ status }) => status === 'problem').length
  io.out(values.json ? `${JSON.stringify({ ok: problems === 0, findings })}\n` : doctorReport(findings, io))
  if (problems > 0)
    throw new CommandError(
      `${problems === 1 ? '1 problem' : `${problems} problems`}; the report has the fixes`,
    )
}

async function examine({ root, env, interruption }: CommandIo, timeoutMs: number): Promise<Finding[]> {
  const system = hostSystem(env)
  return [
    checkCopies(root, workingDirectory()),
    ...checkRuntime(),
    await checkAddon(env),
    exchangeFinding(await exchange(root, { signal: interruption(), timeoutMs })),
    ...checkDirectory(env),
    ...checkLimits(system),
    ...checkProcessors(system),
    ...checkEnvironment(system),
  ]
}

/** Undefined: it was removed. */
function workingDirectory(): string | undefined {
  try {
    return process.cwd()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
