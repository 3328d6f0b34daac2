import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../../src/cli/commands.js'
import { runCommand } from '../../../src/cli/run-command.js'
import { commandIo } from '../../support/command-io.js'
import { localAddress } from '../../support/local-address.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

async function shmwire(...args: string[]) {
  const io = commandIo({ root: temporaryDirectory(), env: process.env })
  const code = await runCommand(args, io)
  return { code, ...io.written }
}

describe('runCommand', () => {
  it('lists the commands for --help', async () => {
    expect(await shmwire('--help')).toMatchObject({ code: 0, error: '' })
    const { out } = await shmwire('help')
    expect(out).toMatch(/^Usage: shmwire <command>[\s\S]*\n {2}build +compile /)
    const width = Math.max(...COMMANDS.map(({ name }) => name.length))
    for (const { name, summary } of COMMANDS)
      expect(out).toContain(`\n  ${name.padEnd(width)}   ${summary}\n`)
  })

  it('fails without a command, and names an unknown one', async () => {
    expect(await shmwire()).toMatchObject({ code: 2, out: '' })
    const { code, error } = await shmwire('frobnicate')
    expect(code).toBe(2)
    expect(error).toMatch(/^shmwire: unknown command 'frobnicate'\n\nUsage: /)
  })

  it('suggests the command that is most similar to an unknown one', async () => {
    expect((await shmwire('biuld')).error).toMatch(
      /^shmwire: unknown command 'biuld'; did you mean 'build'\?\n/,
    )
    expect((await shmwire('help', 'docter')).error).toContain("did you mean 'doctor'?")
  })

  it('escapes the control characters of an unknown command', async () => {
    const { error } = await shmwire('\u001b[31mred')
    expect(error).toContain(String.raw`unknown command '\u001b[31mred'`)
  })

  it('prints the version of the package', async () => {
    const io = commandIo({ root: ROOT })
    expect(await runCommand(['--version'], io)).toBe(0)
    expect(io.written.out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it.each(COMMANDS.map(({ name }) => name))('prints the help of %s in both forms', async (name) => {
    const { code, out, error } = await shmwire(name, '--help')
    expect({ code, error }).toEqual({ code: 0, error: '' })
    expect(out).toMatch(new RegExp(`^Usage: shmwire ${name}\\b(?:.+\\n)+\\n`))
    expect(out.endsWith('\n')).toBe(true)
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120)
    expect((await shmwire('help', name)).out).toBe(out)
    expect((await shmwire(name, '--quiet', '-h')).out).toBe(out)
  })

  it('refuses unknown options with the usage of the command', async () => {
    const { code, error } = await shmwire('build', '--fast')
    expect(code).toBe(2)
    expect(error).toMatch(
      /^shmwire build: there is no option --fast [\s\S]*Usage: shmwire build.*\n\n'shmwire build --help' has more\.\n$/,
    )
  })

  it('reports a failed command in one line', async () => {
    const { code, error } = await shmwire('build')
    expect(code).toBe(1)
    expect(error).toMatch(
      /^shmwire build: .*native.include does not exist; install the package shmwire again\n$/,
    )
  })

  it('refuses an output that Node.js would not load', async () => {
    const { code, error } = await shmwire('build', '--output', 'addon.so')
    expect(code).toBe(2)
    expect(error).toMatch(/^shmwire build: --output addon.so does not end in .node\n\nUsage: /)
  })

  it.each(['send', 'tail', 'call'])('refuses an address beyond this machine for %s', async (name) => {
    const { code, error } = await shmwire(name, 'tls://host:1', ...(name === 'call' ? ['method'] : []))
    expect(code).toBe(2)
    expect(error).toContain('tls://host:1: the program reaches servers of this machine only')
  })

  it('reports an error of the package with its code', async () => {
    const { code, error } = await shmwire('send', localAddress('/missing'), '1')
    expect(code).toBe(1)
    expect(error).toMatch(/^shmwire send: no server listens at .* \(ERR_SHMWIRE_NOT_LISTENING\)\n$/)
  })
})
