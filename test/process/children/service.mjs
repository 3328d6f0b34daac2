// Serves until its parent ends, or closes its service when the parent sends a message.
//   service.mjs <name> <transport>
import { serve } from '../../../dist/index.js'

const [name, transport] = process.argv.slice(2)

try {
  const service = await serve(
    name,
    {
      pid: () => process.pid,
      echo: (message) => message,
      async slow(message) {
        process.send('slow')
        await new Promise((resolve) => setTimeout(resolve, 100))
        return message
      },
      hang: (_request, { signal }) => {
        process.send('hanging')
        return new Promise((resolve) =>
          signal.addEventListener('abort', () => resolve(process.send('aborted'))),
        )
      },
      async *count(_request, { signal }) {
        signal.addEventListener('abort', () => process.send('aborted'))
        try {
          for (let number = 0; ; number += 1) yield number
        } finally {
          process.send('finally')
        }
      },
      async collect(messages) {
        process.send('collecting')
        try {
          for await (const _message of messages);
        } finally {
          process.send('input ended')
        }
      },
    },
    { channel: { transport } },
  )
  process.on('message', async (options) => {
    await service.close(options)
    process.send('closed')
    process.disconnect()
  })
  process.send('serving')
} catch (error) {
  process.send({ code: error.code, message: error.message })
  process.disconnect()
}
process.on('disconnect', () => process.exit())
