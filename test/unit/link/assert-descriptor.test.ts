import type { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { assertDescriptor } from '../../../src/link/shm/assert-descriptor.js'

function socketWith(handle: unknown, destroyed = false): Socket {
  return { _handle: handle, destroyed } as unknown as Socket
}

it.each([[undefined], [null], [{}], [{ fd: -1 }], [{ fd: '7' }]])(
  'refuses a blocking call where a live socket shows %j instead of a descriptor',
  (handle) => {
    expect(() => assertDescriptor(socketWith(handle))).toThrow(
      expect.objectContaining({ code: ErrorCode.UNAVAILABLE }),
    )
  },
)

it('allows a blocking call on a socket with a descriptor, and on a destroyed one, whose end is known', () => {
  assertDescriptor(socketWith({ fd: 7 }))
  assertDescriptor(socketWith(null, true))
})
