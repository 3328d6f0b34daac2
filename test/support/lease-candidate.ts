/**
 * A process that acquires and releases on command, any number of times. Protocol over process.send:
 * in `{ path }`, out `{ outcome: 'won' | code }`; in `'release'`, out `{ outcome: 'released' }`.
 */
import { createServer } from 'node:net'
import type { HeldLease } from '../../src/control/held-lease.js'
import { acquireNameLease } from '../../src/control/name-lease.js'

let lease: HeldLease | undefined

process.on('message', (message: { path: string } | 'release') => {
  if (message === 'release') {
    lease?.release()
    lease = undefined
    process.send?.({ outcome: 'released' })
    return
  }
  acquireNameLease(message.path, createServer()).then(
    (won) => {
      lease = won
      process.send?.({ outcome: 'won' })
    },
    (error: { code?: string }) => process.send?.({ outcome: error.code ?? 'no code' }),
  )
})
process.on('disconnect', () => process.exit())
process.send?.({ outcome: 'ready' })
