import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { connect, ErrorCode } from '../../src/index.js'
import { type ChildChannel, type SpawnChannelOptions, spawnChannel } from '../../src/spawn-channel.js'
import { ensureBuilt } from '../support/build.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'

const FILE = fileURLToPath(new URL('children/stdio-child.mjs', import.meta.url))
const open: ChildChannel[] = []

beforeAll(() => ensureBuilt())
afterEach(() => {
  for (const channel of open.splice(0)) channel.child.kill()
})

async function start(plan: string, options: SpawnChannelOptions = {}): Promise<ChildChannel> {
  const channel = await spawnChannel(process.execPath, [FILE, plan], options)
  open.push(channel)
  return channel
}

function endOf(channel: ChildChannel): Promise<Error | undefined> {
  return new Promise((resolve) => channel.once('close', resolve))
}

describe('spawnChannel', () => {
  it('carries messages and requests over stdin and stdout, and the child ends after a close', async () => {
    const channel = await start('serves')
    expect(channel.transport).toBe('stdio')
    const large = Buffer.alloc(10_000_000, 7)
    expect(large.equals(await channel.request<Buffer>(large))).toBe(true)
    void channel.send('hello')
    expect(await once(channel, 'message')).toEqual(['hello'])
    const exit = once(channel.child, 'exit')
    await channel.close()
    expect(await exit).toEqual([0, null])
  })

  it('ends with PEER_GONE when the child exits or destroys its channel', async () => {
    for (const how of ['exit', 'destroy']) {
      const channel = await start('serves')
      const end = endOf(channel)
      await expect(channel.request(how)).rejects.toMatchObject({ code: ErrorCode.PEER_GONE })
      expect(await end).toMatchObject({ code: ErrorCode.PEER_GONE })
    }
  })

  it('ends the child when this side destroys the channel', async () => {
    const channel = await start('serves')
    const exit = once(channel.child, 'exit')
    channel.destroy()
    expect(await exit).toEqual([0, null])
  })

  it('redirects what the child prints to its stderr, with a warning', async () => {
    const channel = await start('serves', { spawn: { stdio: ['pipe', 'pipe', 'pipe'] } })
    let text = ''
    channel.child.stderr?.on('data', (chunk) => {
      text += chunk
    })
    expect(await channel.request('print')).toBe('print')
    const exit = once(channel.child, 'close')
    await channel.close()
    await exit
    expect(text).toContain('printed by mistake')
    expect(text).toContain("this process prints to stdout, which carries the channel of connect('stdio:')")
  })

  it('reports foreign bytes in the output of the child with a hint', async () => {
    const channel = await start('serves')
    await expect(channel.request('write')).rejects.toMatchObject({
      code: ErrorCode.CORRUPT,
      message: expect.stringContaining('the program must print to standard error') as string,
    })
    await expect(start('prints')).rejects.toMatchObject({
      code: ErrorCode.VERSION,
      message: expect.stringMatching(/it began with "ready to".*must print to standard error/) as string,
    })
  })

  it('reports a child that ends early, is silent or cannot be started', async () => {
    await expect(start('exits')).rejects.toMatchObject({
      code: ErrorCode.PEER_GONE,
      message: expect.stringContaining('ended with exit code 3') as string,
    })
    const silent = spawnChannel(process.execPath, [FILE, 'silent'], { timeoutMs: 500 })
    await expect(silent).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
    await expect(spawnChannel('/nonexistent/program')).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
      message: expect.stringContaining('/nonexistent/program cannot be started') as string,
    })
  })

  it.each<[how: string, text: string]>([
    ['exit 7', 'ended with exit code 7'],
    ['throw', 'ended with exit code 1'],
    // A process of Windows that kills itself ends with an exit code.
    ...(IS_WINDOWS ? [] : [['SIGKILL', 'was killed by SIGKILL'] as [string, string]]),
  ])('names how the child ended: %s', async (how, text) => {
    const channel = await start('serves', { spawn: { stdio: 'ignore' } })
    const end = endOf(channel)
    const message = `the peer is gone: the program ${process.execPath} ${text} without a close of the channel`
    await expect(channel.request(how)).rejects.toMatchObject({ code: ErrorCode.PEER_GONE, message })
    expect(await end).toMatchObject({ message })
  })

  // As above.
  it.skipIf(IS_WINDOWS)('names the signal that killed a child before it connected', async () => {
    await expect(start('killed')).rejects.toMatchObject({
      code: ErrorCode.PEER_GONE,
      message: expect.stringContaining("was killed by SIGKILL before it called connect('stdio:')") as string,
    })
  })

  it('names the directory in which the program cannot be started', async () => {
    await expect(start('serves', { spawn: { cwd: '/nonexistent/directory' } })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
      message: expect.stringContaining('in spawn.cwd: "/nonexistent/directory"') as string,
    })
  })

  it('rejects wrong arguments', async () => {
    for (const args of [
      [''],
      [null],
      ['node', 'x'],
      ['node', [1]],
      ['no\0de'],
      ['node', [], { spawn: null }],
      ['node', [], { spawn: { stdio: 7 } }],
      ['node', [], { spawn: { stdio: 'sideways' } }],
      ['node', [], { spawn: { cwd: 7 } }],
    ])
      await expect(spawnChannel(...(args as [string]))).rejects.toMatchObject({
        code: ErrorCode.INVALID_ARGUMENT,
      })
  })

  it('applies a string as stdio to the standard error', async () => {
    const ignored = await start('serves', { spawn: { stdio: 'ignore' } })
    expect(ignored.child.stderr).toBe(null)
    const piped = await start('serves', { spawn: { stdio: 'pipe' } })
    expect(piped.child.stderr).not.toBe(null)
  })

  it('lets a child connect once only', async () => {
    const channel = await start('serves')
    expect(await channel.request('again')).toBe(ErrorCode.INVALID_STATE)
  })

  it('refuses options that have no meaning', async () => {
    for (const options of [{ transport: 'shm' }, { tls: {} }, { cwd: '/' }] as object[])
      await expect(start('serves', options)).rejects.toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    await expect(connect('stdio:x')).rejects.toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
  })
})
