import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { fastify as Fastify, FastifyInstance } from 'fastify'
import { listenFault } from '../../control/served-port.js'
import { withTlsOptions } from '../../control/tls-options.js'
import { waitWithin } from '../../deadline.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { log } from '../../log/log.js'
import { shareConnections } from '../host-share.js'
import { answerClientError, answerExpectation } from './client-errors.js'
import type { OpenRestGateway } from './rest-gateway.js'
import { setSecurityHeaders } from './security-headers.js'
import type { ServerSettings } from './server-options.js'

/** How often Node compares the requests that are not complete with their timeouts. */
const TIMEOUT_CHECK_MS = 500
/** Of a TLS handshake. */
const HANDSHAKE_MS = 10_000

/** An application of Fastify with a server of its own, which does not listen yet. */
export interface RestApp {
  readonly app: FastifyInstance
  readonly server: Server
  /** The gateway answers what Fastify itself refuses. Call it before the application is ready. */
  ready(gateway: OpenRestGateway): void
}

/** Throws `INVALID_ARGUMENT` for options of TLS that cannot be used. */
export async function createApp(settings: ServerSettings): Promise<RestApp> {
  const fastify = await loadFastify()
  const { errors, maxBodyBytes } = settings.gateway
  let server: Server | undefined
  let gateway: OpenRestGateway | undefined
  const app = fastify({
    bodyLimit: maxBodyBytes,
    routerOptions: { maxParamLength: settings.maxHeaderBytes },
    frameworkErrors: (error, request, reply) => {
      setSecurityHeaders(request, reply)
      gateway?.calls.onError(error, request, reply)
    },
    clientErrorHandler: answerClientError(errors),
    // Proxies send the whole URL: RFC 9112, section 3.2.2.
    rewriteUrl: ({ url = '/' }) => (url.startsWith('/') ? url : pathOfUrl(url)),
    serverFactory: (handler) => (server = newServer(settings, handler)),
  })
  const created = server as unknown as Server
  created.on('checkExpectation', answerExpectation(errors))
  return {
    app,
    server: created,
    ready(opened) {
      gateway = opened
      app.setNotFoundHandler(opened.calls.refuse)
    },
  }
}

async function loadFastify(): Promise<typeof Fastify> {
  try {
    const { fastify } = await import('fastify')
    return fastify
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new ShmwireError(
      ErrorCode.UNAVAILABLE,
      'createRestServer needs the package fastify (version 5); run: npm install fastify',
      { cause },
    )
  }
}

/** Resolves to the port. Rejects with `NAME_IN_USE`, `DENIED`, `INVALID_ARGUMENT`, `OUT_OF_MEMORY`, `ABORTED`. */
export async function listen(
  server: Server,
  { listen: text, host, port, gateway }: ServerSettings,
): Promise<number> {
  const { signal, logger } = gateway
  await waitWithin<void>({ signal }, `listening at ${text}`, (resolve, reject) => {
    const fail = (error: Error): void =>
      reject(listenFault(error, text, 'close the other program, or choose another port'))
    server.once('error', fail)
    server.listen({ host, port }, () => {
      server.off('error', fail)
      server.on('error', (error) =>
        log(logger, 'client.notAccepted', () => ({ gateway: 'rest', address: text, error })),
      )
      resolve()
    })
    return () => server.close()
  })
  return (server.address() as AddressInfo).port
}

function pathOfUrl(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + '://'.length)
  return url.includes('://') && start !== -1 ? url.slice(start) : '/'
}

function newServer(settings: ServerSettings, handler: unknown): Server {
  const { host, port, tls, maxConnections } = settings
  const { logger, proxies } = settings.gateway
  const options: ServerOptions = {
    maxHeaderSize: settings.maxHeaderBytes,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    headersTimeout: Math.min(settings.headersTimeoutMs, settings.requestTimeoutMs),
    requestTimeout: settings.requestTimeoutMs,
    keepAliveTimeout: settings.keepAliveMs,
  }
  const listener = handler as RequestListener
  const server =
    tls === undefined
      ? createServer(options, listener)
      : withTlsOptions(`${host}:${port}`, () =>
          createSecureServer(
            { handshakeTimeout: HANDSHAKE_MS, minVersion: 'TLSv1.2', ...tls, ...options },
            listener,
          ),
        )
  server.maxConnections = maxConnections
  const onRefused = (address: string): void =>
    log(logger, 'gateway.clientShare', () => ({ gateway: 'rest', clientAddress: address, maxConnections }))
  shareConnections(server, maxConnections, onRefused, (address) => proxies.trusts(address))
  server.on('drop', (data) =>
    log(logger, 'gateway.full', () => ({
      gateway: 'rest',
      clientAddress: data?.remoteAddress,
      maxConnections,
    })),
  )
  server.on('tlsClientError', (error: Error) =>
    log(logger, 'gateway.tlsFailed', () => ({ gateway: 'rest', error })),
  )
  return server
}
