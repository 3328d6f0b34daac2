/** The links that calls are killed over: the address of a server with this name, and the options of both sides. */
export const LINKS = {
  shm: { addressOf: (name) => name, options: { transport: 'shm', ringBytes: 64 * 1024 } },
  unix: { addressOf: (name) => name, options: { transport: 'socket', ringBytes: 64 * 1024 } },
}
