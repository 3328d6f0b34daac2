/**
 * For a scenario that compares shmwire with Unix sockets only: every other baseline, with the reason why it is left out.
 * @param {string} reason
 */
export function onlyUnixSockets(reason) {
  const others = ['process-json', 'process-advanced', 'worker', 'tcp', 'zeromq', 'grpc', 'http']
  return Object.fromEntries(others.map((name) => [name, reason]))
}
