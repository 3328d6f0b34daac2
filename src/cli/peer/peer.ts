/** The other process of `doctor` and `bench`: `peer.js <address>`. It ends with the process that has started it. */
import { listen } from '../../listen.js'
import { textOfThrown } from '../../uncaught.js'
import { type PeerReport, Purpose } from './protocol.js'

function report(message: PeerReport): void {
  process.send?.(message)
}

// Ctrl-C and the end of the terminal reach all processes of the terminal, but only the one that has started this one ends it.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})

process.once('disconnect', () => process.exit())

try {
  const server = await listen(process.argv[2] ?? '', { codec: 'bytes' })
  server.on('channel', (channel) => {
    let counted = 0
    channel.on('message', (message: Buffer) => {
      // Without room, the sender has more messages in transit than it may; it notices the missing echo.
      if (message[0] === Purpose.ECHO) channel.trySend(message)
      else counted += 1
    })
    channel.handle(() => Buffer.from(String(counted)))
  })
  report({ listening: true })
} catch (error) {
  report({ error: textOfThrown(error) })
}
