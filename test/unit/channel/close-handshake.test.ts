import { describe, expect, it } from 'vitest'
import { CloseHandshake } from '../../../src/channel/close-handshake.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'

const ignore = (): void => {}
const gone = new ShmwireError(ErrorCode.PEER_GONE, 'the peer is gone')

function stateOf(handshake: CloseHandshake): boolean[] {
  return [handshake.isOpen, handshake.mustSendClose, handshake.isComplete, handshake.hasEnded]
}

describe('the close handshake', () => {
  it('closes in order when this side begins', () => {
    const handshake = new CloseHandshake()
    expect(stateOf(handshake)).toEqual([true, false, false, false])
    expect(handshake.localClose(ignore)).toBe(true)
    expect(stateOf(handshake)).toEqual([false, true, false, false])
    handshake.idle()
    expect(stateOf(handshake)).toEqual([false, false, false, false])
    handshake.closeTaken()
    handshake.peerClose()
    expect(stateOf(handshake)).toEqual([false, false, true, false])
    expect(handshake.finish(undefined)).toHaveLength(1)
    expect(handshake.hasEnded).toBe(true)
  })

  it('owes a close when the peer begins, and is complete once the link has it', () => {
    const handshake = new CloseHandshake()
    handshake.peerClose()
    expect([handshake.closeReceived, ...stateOf(handshake)]).toEqual([true, false, true, false, false])
    handshake.idle()
    expect([handshake.closeSent, handshake.isComplete]).toEqual([true, false])
    handshake.closeTaken()
    expect(handshake.isComplete).toBe(true)
  })

  it('returns the callbacks of every close once, and begins only once', () => {
    const handshake = new CloseHandshake()
    const callbacks = [(): void => {}, (): void => {}]
    expect(callbacks.map((callback) => handshake.localClose(callback))).toEqual([true, false])
    expect(handshake.finish(undefined)).toEqual(callbacks)
    expect(handshake.finish(gone)).toBeUndefined()
  })

  it('calls the callback of a close at once when the channel has ended', () => {
    const handshake = new CloseHandshake()
    handshake.finish(gone)
    const outcomes: unknown[] = []
    expect(handshake.localClose((error) => outcomes.push(error))).toBe(false)
    expect(outcomes).toEqual([undefined])
  })
})

describe('new work', () => {
  it('is allowed while the channel is open, and fails with CLOSED while it closes', () => {
    const handshake = new CloseHandshake()
    handshake.assertOpen()
    handshake.localClose(ignore)
    expect(() => handshake.assertOpen()).toThrow(expect.objectContaining({ code: ErrorCode.CLOSED }) as Error)
  })

  it('may end while this side closes, but not after the close of the peer', () => {
    const handshake = new CloseHandshake()
    handshake.localClose(ignore)
    handshake.assertNotEnded()
    handshake.peerClose()
    expect(() => handshake.assertNotEnded()).toThrow('the channel is closed')
  })

  it('fails with the code of the error that ended the channel', () => {
    const handshake = new CloseHandshake()
    handshake.finish(gone)
    expect(() => handshake.assertOpen()).toThrow(
      expect.objectContaining({ code: ErrorCode.PEER_GONE, cause: gone }) as Error,
    )
  })
})
