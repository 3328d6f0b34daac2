import { beforeEach, describe, expect, it } from 'vitest'
import { BlockingCalls } from '../../../src/channel/blocking-calls.js'
import { CloseHandshake } from '../../../src/channel/close-handshake.js'
import type { Outgoing } from '../../../src/channel/outbox.js'
import { ReceiveQueue } from '../../../src/channel/receive-queue.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'
import { turns } from '../../support/turns.js'
import { collectUncaught } from '../../support/uncaught.js'

/** Called in each wait of the link. */
let messagesEnded: boolean
let onWait: (() => void) | undefined
let waits: { forRoom: boolean; timeoutMs: number }[]
let handshake: CloseHandshake
let queue: ReceiveQueue
let pulls: number
let hasClaim: boolean
let sent: ((error?: Error) => void) | undefined
let withdrawn: number
let asked: { resolve: (reply: unknown) => void; reject: (error: Error) => void } | undefined
let givenUp: number
let heldRuns: number
let calls: BlockingCalls

function newCalls(waitSync?: (forRoom: boolean, timeoutMs: number) => void): BlockingCalls {
  return new BlockingCalls({
    link: { transport: 'shm', resume: () => {}, ...(waitSync === undefined ? {} : { waitSync }) },
    handshake,
    sender: {
      get hasClaim() {
        return hasClaim
      },
      waitingCount: 1,
      send: (_message, settle) => {
        sent = settle
        return {} as Outgoing
      },
      withdraw: () => {
        withdrawn += 1
        return true
      },
    },
    incoming: {
      runHeld: () => {
        heldRuns += 1
      },
    },
    outgoing: {
      begin: (_message, resolve, reject) => {
        asked = { resolve, reject }
        return () => {
          givenUp += 1
        }
      },
    },
    delivery: {
      get messagesEnded() {
        return messagesEnded
      },
      pull: () => {
        pulls += 1
        return queue
      },
      endPull: () => {
        pulls -= 1
      },
    },
  })
}

beforeEach(() => {
  messagesEnded = false
  onWait = undefined
  waits = []
  handshake = new CloseHandshake()
  queue = new ReceiveQueue(() => {})
  pulls = 0
  hasClaim = false
  withdrawn = 0
  givenUp = 0
  heldRuns = 0
  calls = newCalls((forRoom, timeoutMs) => {
    waits.push({ forRoom, timeoutMs })
    onWait?.()
  })
})

const withCode = (code: string): Error => expect.objectContaining({ code }) as Error

describe('a blocking call', () => {
  it('returns a held message without a wait', () => {
    queue.push('held', 1)
    expect([calls.receive(undefined), waits, pulls]).toEqual(['held', [], 0])
  })

  it('waits for a message, room, or a reply', () => {
    onWait = () => queue.push('message', 1)
    expect(calls.receive(undefined)).toBe('message')
    onWait = () => sent?.()
    expect(calls.send('message', undefined)).toBeUndefined()
    onWait = () => asked?.resolve('reply')
    expect(calls.request('question', undefined)).toBe('reply')
    expect([waits.length, pulls]).toEqual([3, 0])
  })

  it('throws the error of its record', () => {
    const gone = new ShmwireError(ErrorCode.PEER_GONE, 'gone')
    onWait = () => sent?.(gone)
    expect(() => calls.send('message', undefined)).toThrow(gone)
    onWait = () => asked?.reject(gone)
    expect(() => calls.request('question', undefined)).toThrow(gone)
    onWait = () => void handshake.finish(gone)
    expect(() => calls.receive(undefined)).toThrow(withCode(ErrorCode.PEER_GONE))
  })

  it('times out when its time has passed, after one poll', () => {
    expect(() => calls.receive(0)).toThrow(withCode(ErrorCode.TIMEOUT))
    expect(() => calls.send('message', 0)).toThrow(withCode(ErrorCode.TIMEOUT))
    expect(() => calls.request('question', 0)).toThrow(withCode(ErrorCode.TIMEOUT))
    expect([waits.length, withdrawn, givenUp, pulls]).toEqual([3, 1, 1, 0])
  })

  it('does not throw the exceptions of listeners', async () => {
    const thrown = await collectUncaught(async () => {
      onWait = () => {
        asked?.resolve('reply')
        throw new Error('a listener threw')
      }
      expect(calls.request('question', undefined)).toBe('reply')
      await turns(2)
    })
    expect(thrown.map(String)).toEqual(['Error: a listener threw'])
  })

  it('runs the held requests, whose tick comes only afterwards', () => {
    calls = newCalls(() => {})
    expect(() => calls.send('message', 0)).toThrow(withCode(ErrorCode.TIMEOUT))
    expect(heldRuns).toBe(1)
  })

  it('throws UNAVAILABLE over a link that cannot wait', () => {
    calls = newCalls()
    expect(() => calls.receive(0)).toThrow(withCode(ErrorCode.UNAVAILABLE))
  })

  it('receiveSync throws CLOSED when the peer has ended its messages', () => {
    messagesEnded = true
    expect(() => calls.receive(undefined)).toThrow(withCode(ErrorCode.CLOSED))
  })

  it('throws INVALID_STATE while a claim is open, except for receiveSync', () => {
    hasClaim = true
    expect(() => calls.send('message', 0)).toThrow(withCode(ErrorCode.INVALID_STATE))
    expect(() => calls.request('question', 0)).toThrow(withCode(ErrorCode.INVALID_STATE))
    expect(() => calls.receive(0)).toThrow(withCode(ErrorCode.TIMEOUT))
  })
})
