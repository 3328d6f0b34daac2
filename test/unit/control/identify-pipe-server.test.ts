import { describe, expect, it } from 'vitest'
import { identifyPipeServer } from '../../../src/control/identify-pipe-server.js'
import type { NativeBinding } from '../../../src/native/binding.js'
import { nativeError } from '../../support/fake-binding.js'

const PATH = '\\\\.\\pipe\\prices'

function identify(pipeServer: NativeBinding['pipeServer']) {
  return identifyPipeServer(PATH, { binding: { pipeServer } as NativeBinding })
}

describe('the process behind a named pipe', () => {
  it('is the one that the system reports', async () => {
    const peer = { pid: 7, uid: undefined, gid: undefined, verified: true }
    expect(await identify(() => 7)).toEqual({ peer, credentials: undefined })
  })

  it('is asked for again while all instances of the pipe are in use', async () => {
    const answers = [undefined, undefined, 8]
    expect(await identify(() => answers.shift())).toMatchObject({ peer: { pid: 8 } })
    expect(answers).toEqual([])
  })

  it('refuses a process of another user with the reason', async () => {
    const identified = identify(() => {
      throw nativeError('ERR_SHMWIRE_DENIED', 'the peer runs as another user')
    })
    await expect(identified).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_DENIED',
      message: `the server at ${PATH} cannot be identified: the peer runs as another user`,
    })
  })

  it('stays unknown without the addon', async () => {
    expect(await identifyPipeServer(PATH, { unavailable: 'none' })).toBeUndefined()
  })
})
