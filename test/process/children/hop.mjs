// A process in a chain of services: each method calls the same one of the next process, with the context of its own call. The last one
// works until its signal fires. It reports the beginning and the end of each handler.
//   hop.mjs <address> [<address of the next>]
import { client, serve } from '../../../dist/index.js'

const [address, nextAddress] = process.argv.slice(2)
const next =
  nextAddress === undefined ? undefined : await client(nextAddress, { timeoutMs: Number.POSITIVE_INFINITY })

await serve(address, {
  relay: (request, context) =>
    reported(context, () => (next === undefined ? work(context) : next.relay(request, { context }))),

  async *stream(request, context) {
    begin(context)
    let code = 'finished'
    try {
      if (next === undefined) yield* numbers(context)
      else yield* next.stream(request, { context })
    } catch (error) {
      code = error.code
      throw error
    } finally {
      end(context, code)
    }
  },
})
process.on('disconnect', () => process.exit())
process.send({ listening: address })

async function reported(context, body) {
  begin(context)
  try {
    const answer = await body()
    end(context, 'finished')
    return answer
  } catch (error) {
    end(context, error.code)
    throw error
  }
}

function begin({ remainingMs, metadata, signal }) {
  signal.addEventListener('abort', () => process.send({ aborted: address, reason: signal.reason.code }))
  process.send({ begun: address, remainingMs, trace: metadata.text('traceparent') })
}

function end({ signal }, code) {
  process.send({ ended: address, code, aborted: signal.aborted })
}

async function work({ signal }) {
  if (!signal.aborted)
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve)
    })
  throw signal.reason
}

async function* numbers(context) {
  for (let number = 0; number < 3; number += 1) yield number
  await work(context)
}
