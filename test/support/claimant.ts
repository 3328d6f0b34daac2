/**
 * A process that claims an address on command, any number of times. Protocol over process.send:
 * in `{ path }`, out `{ outcome: 'won' | code }`; in `'release'`, out `{ outcome: 'released' }`.
 */
import { createServer } from 'node:net'
import { type Claim, claimAddress } from '../../src/control/rendezvous.js'

let claim: Claim | undefined

process.on('message', (message: { path: string } | 'release') => {
  if (message === 'release') {
    claim?.release()
    claim = undefined
    process.send?.({ outcome: 'released' })
    return
  }
  claimAddress(message.path, createServer()).then(
    (won) => {
      claim = won
      process.send?.({ outcome: 'won' })
    },
    (error: { code?: string }) => process.send?.({ outcome: error.code ?? 'no code' }),
  )
})
process.on('disconnect', () => process.exit())
process.send?.({ outcome: 'ready' })
