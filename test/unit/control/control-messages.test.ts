import { expect, it } from 'vitest'
import { newConnectionId, readOffer } from '../../../src/control/control-messages.js'
import { ErrorCode } from '../../../src/errors.js'
import { OFFER } from '../../support/raw-peer.js'

const read = (connectionId: unknown): unknown =>
  readOffer(Buffer.from(JSON.stringify({ ...OFFER, connectionId }))).connectionId

it('reads the id of a connection, which older servers do not state', () => {
  const id = newConnectionId()
  expect([read(id), read(undefined)]).toEqual([id, undefined])
})

it.each(['A'.repeat(16), '0'.repeat(15), '0'.repeat(17), 'g'.repeat(16), '', 5, null])(
  'refuses the id %j of a connection',
  (id) => {
    expect(() => read(id)).toThrow(
      expect.objectContaining({
        code: ErrorCode.CORRUPT,
        message: expect.stringContaining("connectionId of the peer's OFFER is ") as string,
      }),
    )
  },
)
