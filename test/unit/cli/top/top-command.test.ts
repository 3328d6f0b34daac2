import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { topCommand } from '../../../../src/cli/top/top-command.js'
import { connect, listen, type Server } from '../../../../src/index.js'
import { snapshotFrame } from '../../../../src/observe/encode-snapshot.js'
import { stopMeasuring } from '../../../../src/observe/event-loop.js'
import { commandIo } from '../../../support/command-io.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'
import { waitFor } from '../../../support/wait-for.js'

let server: Server
beforeEach(async () => {
  ownRuntimeDirectory()
  server = await listen('prices')
})
afterEach(async () => {
  await server.close()
  stopMeasuring()
})

describe('shmwire top', () => {
  it('ends when it is interrupted, and waits for its reader after each line', async () => {
    let waits = 0
    const io = commandIo({
      drained: () => {
        waits += 1
        if (waits === 2) io.interrupt()
        return Promise.resolve()
      },
    })
    await topCommand.run(['prices', '--json', '--interval', '0.01', '--timeout', '30'], io)
    expect([waits, io.written.out.trimEnd().split('\n')]).toEqual([
      2,
      [expect.any(String), expect.any(String)],
    ])
  })

  it.each(['--once', '--json'])(
    'prints nothing about servers that it no longer asks (%s)',
    async (option) => {
      const io = commandIo()
      io.interrupt()
      await topCommand.run(['prices', option], io)
      expect(io.written).toEqual({ out: '', error: '' })
    },
  )

  it('fails like metrics if a server of its arguments does not answer', async () => {
    const io = commandIo()
    const run = topCommand.run(['prices', 'absent', '--once', '--interval', '0.01', '--timeout', '30'], io)
    await expect(run).rejects.toThrow('1 of 2 servers did not answer')
    expect(io.written.out).toContain('without an answer: absent')
  })

  it('prints no rates before the process has made a second snapshot', async () => {
    server.on('channel', (channel) => channel.on('message', () => {}))
    const channel = await connect('prices')
    await channel.send('before the first snapshot')
    await waitFor(() => expect(snapshotFrame().toString('utf8')).toMatch(/"messagesReceived":1,/))
    const io = commandIo()
    await topCommand.run(['prices', '--once', '--json', '--interval', '0.001', '--timeout', '30'], io)
    await channel.close()
    const { rows } = JSON.parse(io.written.out) as { rows: { kind: string; messagesPerSecond: number }[] }
    // Since its start, the channel has sent a message.
    const rates = rows.filter(({ kind }) => kind === 'channel').map((row) => row.messagesPerSecond)
    expect(rates).toEqual([0, 0])
  })
})
