import { spawnSync } from 'node:child_process'
import { existsSync, openSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createCell, createQueue, createTopic, listen, serve } from '../../../src/index.js'
import { ensureBuilt } from '../../support/build.js'
import { Child } from '../../support/child.js'
import { localAddress } from '../../support/local-address.js'
import { IS_WINDOWS } from '../../support/not-on-windows.js'
import { Cli, runCli } from '../../support/run-cli.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))

beforeAll(() => ensureBuilt())

let address = ''
beforeEach(() => {
  address = localAddress(temporaryDirectory())
})

function serveSum(): ReturnType<typeof serve> {
  return serve(address, {
    sum: async (requests: AsyncIterable<number>) => {
      let total = 0
      for await (const n of requests) total += n
      return total
    },
    async *ticks() {
      for (let n = 1; ; n += 1) {
        yield n
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    fails: () => {
      throw new Error('no')
    },
  })
}

// Windows ends a process at once.
describe.skipIf(IS_WINDOWS)('while stdin is open', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('shmwire send ends at %s with %i and prints nothing', async (signal, code) => {
    await using server = await listen(address)
    server.on('channel', (client) => client.handle((value: unknown) => value))
    const send = new Cli(['send', address, '--request'])
    send.process.stdin.write('1\n')
    await send.printed('1\n')
    send.process.kill(signal)
    expect(await send.ended).toEqual({ code, signal: null, out: '1\n', error: '' })
  })

  it('shmwire send fails when the server ends', async () => {
    const server = await listen(address)
    server.on('channel', (client) => client.handle((value: unknown) => value))
    const send = new Cli(['send', address, '--request'])
    send.process.stdin.write('1\n')
    await send.printed('1\n')
    await server.close({ timeoutMs: 100 }).catch(() => {})
    const { code, error } = await send.ended
    expect(code).toBe(1)
    expect(error).toMatch(/^shmwire send: .*\(ERR_SHMWIRE_/)
  })

  it('shmwire call ends at SIGINT with 130', async () => {
    let begin!: () => void
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    const count = async (requests: AsyncIterable<number>): Promise<number> => {
      let messages = 0
      for await (const _ of requests) {
        messages += 1
        begin()
      }
      return messages
    }
    await using _service = await serve(address, { count })
    const call = new Cli(['call', address, 'count', '-', '--stream', '--timeout', '0'])
    call.process.stdin.write('1\n')
    await begun
    call.process.kill('SIGINT')
    expect(await call.ended).toEqual({ code: 130, signal: null, out: '', error: '' })
  })

  it('shmwire call ends at the deadline, and names the option', async () => {
    await using _service = await serveSum()
    const { code, error } = await new Cli(['call', address, 'sum', '-', '--stream', '--timeout', '2']).ended
    expect({ code, error }).toEqual({
      code: 1,
      error: 'shmwire call: sum took longer than --timeout 2 (ERR_SHMWIRE_TIMEOUT)\n',
    })
  })

  it('shmwire call ends with the error of the service', async () => {
    await using _service = await serveSum()
    const call = new Cli(['call', address, 'fails', '-', '--stream'])
    expect((await call.ended).code).toBe(1)
  })
})

describe.skipIf(IS_WINDOWS)('the other process of doctor and bench', () => {
  it.each([
    ['bench', 'SIGHUP', 129],
    ['bench', 'SIGINT', 130],
  ] as const)('ends with %s at %s, and leaves no file', async (command, signal, code) => {
    const directory = temporaryDirectory()
    const cli = new Cli([command, '--seconds', '600'], { env: { TMPDIR: directory } })
    const hasPeer = (): boolean =>
      readdirSync(directory).some((name) => existsSync(join(directory, name, 's')))
    while (!hasPeer() && cli.process.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 20))
    cli.process.kill(signal)
    expect(await cli.ended).toEqual({ code, signal: null, out: '', error: '' })
    expect(readdirSync(directory)).toEqual([])
  })
})

describe.skipIf(IS_WINDOWS)('shmwire call', () => {
  it('bounds the connection by --timeout', async () => {
    const server = new Child('topic-publisher', {
      args: [address, 'auto', 'lose', '/dev/null', 1],
      ipc: true,
    })
    server.send('publish')
    await server.next()
    server.process.kill('SIGSTOP')
    try {
      const { code, error } = await runCli(['call', address, 'm', '--timeout', '1'])
      expect({ code, error }).toEqual({
        code: 1,
        error: 'shmwire call: m took longer than --timeout 1 (ERR_SHMWIRE_TIMEOUT)\n',
      })
    } finally {
      server.process.kill('SIGCONT')
      await server.kill()
    }
  })

  it('ends with 0 and prints no error when the reader of its output ends', async () => {
    await using _service = await serveSum()
    const call = new Cli(['call', address, 'ticks', '--timeout', '0'])
    await call.printed('1\n')
    call.process.stdout.destroy()
    expect(await call.ended).toMatchObject({ code: 0, signal: null, error: '' })
  })
})

describe('shmwire call without a contract', () => {
  it('sends all lines with --stream', async () => {
    await using _service = await serveSum()
    expect(await runCli(['call', address, 'sum', '-', '--stream'], { input: '1\n2\n39\n' })).toMatchObject({
      code: 0,
      out: '42\n',
      error: '',
    })
  })

  it('refuses a second line without --stream', async () => {
    await using _service = await serveSum()
    const { code, out, error } = await runCli(['call', address, 'sum', '-'], { input: '1\n2\n' })
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(error).toMatch(/^shmwire call: the input has more than one message, .*--stream/)
  })

  it('lists the services of the server if the service is missing', async () => {
    await using _service = await serve(address, { get: () => 1 }, { name: 'test.Store' })
    const { code, error } = await runCli(['call', address, 'get'])
    expect(code).toBe(1)
    expect(error).toBe(
      "shmwire call: there is no service without a name at this address; the services there are 'test.Store' (for example test.Store/get)\n",
    )
  })
})

// A program cannot ask a pipe of Windows for its services.
describe.skipIf(IS_WINDOWS)('shmwire send without an option', () => {
  it('refuses a queue, a topic, a cell and a service, and names the option', async () => {
    const { error, code } = await sendTo(() => createQueue(address))
    expect(code).toBe(1)
    expect(error).toMatch(/^shmwire send: the server has a queue, .*pass --queue/)
    expect((await sendTo(() => createTopic(address, { name: 'news' }))).error).toContain('pass --topic')
    expect((await sendTo(() => createCell(address, 1))).error).toContain('the server has a cell')
    expect((await sendTo(serveSum)).error).toContain("use 'shmwire call'")
  })

  it('sends to a server of services with --channel', async () => {
    await using _service = await serveSum()
    expect(await runCli(['send', address, '1', '--channel'])).toMatchObject({ code: 0, error: '' })
  })

  async function sendTo(open: () => Promise<AsyncDisposable>) {
    await using _server = await open()
    return await runCli(['send', address, '1'])
  }
})

describe.skipIf(process.platform !== 'linux')('shmwire', () => {
  it('reports an output that cannot be written', () => {
    const full = openSync('/dev/full', 'w')
    const { status, stderr } = spawnSync(process.execPath, [MAIN, 'help'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'shmwire: cannot write: ENOSPC\n' })
  })

  it('examines the machine in a working directory that was removed', () => {
    const directory = temporaryDirectory()
    const { stdout, stderr } = spawnSync(
      'sh',
      ['-c', 'cd "$1" && rmdir "$1" && exec "$2" "$3" doctor', 'sh', directory, process.execPath, MAIN],
      { encoding: 'utf8', env: { ...process.env, SHMWIRE_DIR: temporaryDirectory() } },
    )
    expect(stderr).not.toContain('uv_cwd')
    expect(stdout).toMatch(/note +package .*working directory/)
    rmSync(directory, { recursive: true, force: true })
  })
})
