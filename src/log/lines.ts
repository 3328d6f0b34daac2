/** The lines that this package writes to a logger: the only place that states them. docs/logs.md explains each one. */

/** How bad a line is: `debug` is expected in operation, `warn` asks an operator to check it, `error` states that something does not work. */
export type LogLevel = 'debug' | 'warn' | 'error'

export interface LogLine {
  readonly level: LogLevel
  readonly message: string
  /** The remedy of an operator. Lines of level `debug` need none. */
  readonly action?: string
  /** No operation of a diagnostics channel reports its error, so the line does: see `shmwire:background.error`. */
  readonly background?: true
}

const SEE_ERROR = 'read the field error'
const FREE_DESCRIPTORS = 'raise the limit of open files of the process (ulimit -n), or close connections'
const FIX_HANDLER = 'fix the code that threw; onError of shmwire/observe gets the error with its stack'
const CHECK_NATS = 'check the NATS server and the network'

const LINES = {
  'channel.opened': { level: 'debug', message: 'a channel is open' },
  'channel.ended': { level: 'debug', message: 'a channel has ended' },
  'channel.fallback': { level: 'debug', message: 'a channel does not use shared memory' },
  'client.refused': { level: 'debug', message: 'a client was refused' },
  'client.notAccepted': {
    level: 'warn',
    message: 'a client could not be accepted',
    action: FREE_DESCRIPTORS,
    background: true,
  },
  'authorize.promise': {
    level: 'warn',
    message: 'the option authorize returned a promise, which refuses the peer',
    action: 'return true or false at once',
    background: true,
  },
  'server.hidden': {
    level: 'error',
    message: 'another program has replaced the socket of a server; clients do not reach it',
    action: 'stop the other program, or restart this one with another address',
  },
  'server.fileRestored': {
    level: 'warn',
    message: 'a file of a server was removed and is restored',
    action: 'exclude the directory from clean-up, or set XDG_RUNTIME_DIR to another one',
  },
  'server.addressLost': {
    level: 'error',
    message:
      'the files of a server were removed, and another server has its address; it gets no new channels',
    action: 'restart this process if it should have the address',
  },
  'server.addressHeldAgain': {
    level: 'warn',
    message: 'the files of a server were removed; it has the address again',
    action: 'exclude the directory from clean-up, or set XDG_RUNTIME_DIR to another one',
  },
  'server.notRestored': {
    level: 'error',
    message: 'the files of a server cannot be restored',
    action: 'make its directory writable for this user',
    background: true,
  },
  'server.notProtected': { level: 'debug', message: 'a file of a server is not protected from clean-up' },
  'server.noSharedMemory': {
    level: 'warn',
    message: 'a server has no shared memory for its clients, which use the socket',
    action: 'run npx shmwire doctor',
    background: true,
  },
  'server.notListed': { level: 'debug', message: 'a server is not listed' },
  'servers.tooMany': {
    level: 'warn',
    message: 'a directory has too many sockets; some servers are not watched',
    action: 'remove sockets of programs that have ended, or divide the servers between directories',
  },
  'service.callFailed': { level: 'error', message: 'a handler of a service failed', action: FIX_HANDLER },
  'queue.attemptFailed': {
    level: 'warn',
    message: 'an attempt of a job failed',
    action: 'fix the handler if the job can never succeed; it runs again until its last attempt',
  },
  'queue.deadJobRefused': {
    level: 'warn',
    message: 'a dead job stays in its queue, because deadLetters refuses it',
    action: 'read the job with dead(), then retry or remove it',
    background: true,
  },
  'queue.deadJobsWait': {
    level: 'warn',
    message: 'dead jobs wait, because deadLetters does not take them',
    action: 'start the queue of deadLetters, or make room in it',
    background: true,
  },
  'queue.stopped': {
    level: 'error',
    message: 'a queue has stopped, because its store failed',
    action: 'free the disk or repair the file, then create the queue again',
    background: true,
  },
  'store.noThread': {
    level: 'warn',
    message: 'a store has no thread; each commit stops the event loop until the disk has the changes',
    action: 'keep shmwire outside the bundle, and allow worker threads',
  },
  'gateway.requestFailed': { level: 'error', message: 'a request of a gateway failed', action: FIX_HANDLER },
  'gateway.streamFailed': { level: 'error', message: 'a stream of a gateway failed', action: FIX_HANDLER },
  'gateway.checkFailed': {
    level: 'warn',
    message: 'a health check failed',
    action: SEE_ERROR,
    background: true,
  },
  'gateway.clientShare': {
    level: 'warn',
    message: 'a gateway refused a connection of a host that has its share already',
    action: 'find out why the host opens so many connections, or raise maxConnections',
  },
  'gateway.full': {
    level: 'warn',
    message: 'a gateway refused a connection, because it has too many',
    action: 'raise maxConnections, or start another gateway',
  },
  'gateway.connectionEnded': {
    level: 'warn',
    message: 'a gateway ended the connection of a client that breaks its limits',
    action: 'update or block the client at the address',
  },
  'gateway.connectionBroke': { level: 'debug', message: 'a connection of a gateway broke' },
  'gateway.tlsFailed': { level: 'debug', message: 'a TLS handshake of a gateway failed' },
  'gateway.callBroke': { level: 'debug', message: 'a call of a gateway broke' },
  'gateway.idempotencyStoreFailed': {
    level: 'error',
    message: 'the store of the idempotency keys failed',
    action: 'check the store; requests with a key fail or can run twice meanwhile',
    background: true,
  },
  'gateway.channelNotClosed': {
    level: 'warn',
    message: 'a channel to a service did not close in order',
    action: 'check that the service still answers',
    background: true,
  },
  'tunnel.opened': { level: 'debug', message: 'a tunnel reaches a server' },
  'tunnel.refused': { level: 'debug', message: 'a tunnel was refused' },
  'tunnel.failed': { level: 'warn', message: 'a tunnel failed', action: FIX_HANDLER, background: true },
  'tunnel.serverUnknown': { level: 'debug', message: 'the server of a tunnel did not describe itself' },
  'auth.keysNotFetched': {
    level: 'warn',
    message: 'the keys of an issuer cannot be fetched; the last ones remain in use',
    action: 'check that this process reaches the issuer',
    background: true,
  },
  'auth.tokenNotRenewed': {
    level: 'warn',
    message: 'a token cannot be renewed; the last one remains in use',
    action: 'check that this process reaches the issuer, and that it accepts the credentials',
    background: true,
  },
  'nats.connectionLost': {
    level: 'warn',
    message: 'the connection to a NATS server is lost',
    action: CHECK_NATS,
  },
  'nats.connectedAgain': { level: 'debug', message: 'the connection to a NATS server is restored' },
  'nats.serverError': {
    level: 'warn',
    message: 'a NATS server reports an error',
    action: SEE_ERROR,
    background: true,
  },
  'nats.requestNotSent': { level: 'debug', message: 'a request for messages cannot be sent' },
  'nats.requestsAgain': { level: 'debug', message: 'messages are requested again' },
  'nats.requestFailed': {
    level: 'warn',
    message: 'messages cannot be requested; another attempt follows',
    action: CHECK_NATS,
    background: true,
  },
  'nats.jobNotMoved': {
    level: 'warn',
    message: 'a delayed job is not moved to its queue; another attempt follows',
    action: CHECK_NATS,
    background: true,
  },
  'nats.resultLost': {
    level: 'warn',
    message: 'the result of a job is lost; the job runs again',
    action: CHECK_NATS,
    background: true,
  },
  'nats.jobNotAcknowledged': {
    level: 'warn',
    message: 'the end of an attempt is not acknowledged; the job runs again',
    action: CHECK_NATS,
    background: true,
  },
  'nats.timeLimit': {
    level: 'warn',
    message: 'a job took longer than its timeLimitMs',
    action: 'raise timeLimitMs, or let the handler end when its signal fires',
  },
  'nats.malformedJob': {
    level: 'warn',
    message: 'a malformed job stays in its queue',
    action: 'find the program that pushes it, or remove it from the stream',
    background: true,
  },
  'nats.jobNotReturned': {
    level: 'warn',
    message: 'a job of a closed worker is not returned; it runs again when its lease ends',
    action: CHECK_NATS,
    background: true,
  },
  'nats.leaseNotRenewed': {
    level: 'warn',
    message: 'the lease of a job is not renewed; the job can run twice',
    action: CHECK_NATS,
    background: true,
  },
  'nats.endUnknown': {
    level: 'warn',
    message: 'the end of a topic is not known',
    action: CHECK_NATS,
    background: true,
  },
  'process.closeFailed': {
    level: 'warn',
    message: 'a close of closeOnSignal failed',
    action: SEE_ERROR,
    background: true,
  },
  'log.suppressed': {
    level: 'warn',
    message: 'further lines of an event were left out',
    action: 'find the cause of the event in the field suppressedEvent',
  },
} as const satisfies Record<string, LogLine>

/** The name of a line, which is stable. */
export type LogEvent = keyof typeof LINES

/** The lines by their event. */
export const LOG_LINES: Readonly<Record<LogEvent, LogLine>> = LINES
