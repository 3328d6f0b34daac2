// Imported before a program. The runtime seems to be another one than Node, and `new Socket({ fd })` ignores its descriptor, as Bun's constructor does.
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'

const { Socket } = net

net.Socket = class extends Socket {
  constructor({ fd, ...options } = {}) {
    // The standard streams, which the program makes of sockets too, work.
    const ignored = fd > 2
    super(ignored ? options : { fd, ...options })
    this.isIgnored = ignored
  }

  connect(...args) {
    return this.isIgnored ? this : super.connect(...args)
  }
}
syncBuiltinESMExports()
Object.defineProperty(process, 'release', { value: { ...process.release, name: 'other' } })
