import { fork } from 'node:child_process'
import { once } from 'node:events'
import { birpcBaseline } from '../support/birpc-baseline.mjs'

/** @type {import('./baseline.js').Baseline} */
export const baseline = birpcBaseline('birpc over process.send', {
  startsServer: true,

  async listen(onTransport) {
    onTransport(transportOf(process), 'ipc', (onEnd) => process.once('disconnect', onEnd))
    return async () => {}
  },

  async connect({ peer }) {
    const child = fork(peer.file, [peer.task], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    await once(child, 'spawn')
    const close = async () => {
      const gone = once(child, 'disconnect')
      child.disconnect()
      await gone
    }
    return { transport: transportOf(child), name: 'ipc', close }
  },
})

function transportOf(end) {
  return {
    post: (message) => void end.send(message),
    on: (listener) => void end.on('message', listener),
  }
}
