// Imported before a program. Hides Node from the program, and makes `new Socket({ fd })` ignore its descriptor, as in Bun.
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'

const { Socket } = net

net.Socket = class extends Socket {
  constructor({ fd, ...options } = {}) {
    // The standard streams of the program, which are sockets too, still work.
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
