import { describe, expect, it } from 'vitest'
import { runCommand } from '../../../src/cli/run-command.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

async function shmwire(...args: string[]) {
  let out = ''
  let error = ''
  const root = temporaryDirectory()
  const code = await runCommand(args, root, {
    out: (text) => {
      out += text
    },
    error: (text) => {
      error += text
    },
  })
  return { code, out, error }
}

describe('runCommand', () => {
  it('lists the commands for --help', async () => {
    expect(await shmwire('--help')).toMatchObject({ code: 0, error: '' })
    expect((await shmwire('--help')).out).toMatch(/^Usage: shmwire <command>[\s\S]*\n {2}build {5}compile /)
  })

  it('fails without a command, and names an unknown one', async () => {
    expect(await shmwire()).toMatchObject({ code: 2, out: '' })
    const { code, error } = await shmwire('biuld')
    expect(code).toBe(2)
    expect(error).toMatch(/^shmwire: unknown command 'biuld'\n\nUsage: /)
  })

  it('prints the help of a command, also after other options', async () => {
    const { code, out } = await shmwire('build', '--quiet', '--help')
    expect(code).toBe(0)
    expect(out).toContain('--output <file.node>')
  })

  it('refuses unknown options with the help of the command', async () => {
    const { code, error } = await shmwire('build', '--fast')
    expect(code).toBe(2)
    expect(error).toMatch(/^shmwire build: Unknown option '--fast'[\s\S]*Usage: shmwire build/)
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
})
