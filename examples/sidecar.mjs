// A program that keeps work out of its own event loop: it sends requests to a child process, the sidecar.
//
//   node examples/sidecar.mjs [REQUESTS]
import { fork } from 'node:child_process'
import { scryptSync } from 'node:crypto'
import { once } from 'node:events'
import { connect, listen } from 'shmwire'

const ROLE = 'SIDECAR_ADDRESS'
if (process.env[ROLE] === undefined) await runProgram(Number(process.argv[2] ?? 20))
else await runSidecar(process.env[ROLE])

async function runProgram(count) {
  // A name that only this process uses, in a directory that only this user can reach.
  const server = await listen(`sidecar-${process.pid}`)
  const child = fork(import.meta.filename, { env: { ...process.env, [ROLE]: server.address } })
  const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the sidecar ended: ${code}`)))
  const [channel] = await Promise.race([once(server, 'channel'), failed])

  // All requests are sent at once. The event loop stays free while the sidecar works on them.
  const passwords = Array.from({ length: count }, (_, index) => `password ${index}`)
  const hashes = await Promise.all(
    passwords.map((password) => channel.request({ password, salt: 'salt' }, { timeoutMs: 60_000 })),
  )
  console.log(`${hashes.length} hashes from process ${channel.peer.pid}; the first begins with ${hashes[0]}`)

  try {
    await channel.request({ password: 42 })
  } catch (error) {
    console.log(`refused: ${error.message} (${error.code}, ${error.remoteCode})`)
  }
  await server.close() // closes the channel too, and with it the sidecar ends
}

async function runSidecar(address) {
  const channel = await connect(address)
  channel.handle(({ password, salt }, { signal }) => {
    signal.throwIfAborted() // the caller does not wait any longer
    return scryptSync(password, salt, 32).toString('hex', 0, 4)
  })
}
