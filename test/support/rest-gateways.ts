import fastify, { type FastifyInstance } from 'fastify'
import { Agent, request } from 'undici'
import { onTestFinished } from 'vitest'
import { restGateway } from '../../src/gateway/rest/rest-gateway.js'
import type { RestGatewayOptions } from '../../src/gateway/rest/rest-options.js'
import { createRestServer, type RestServer } from '../../src/gateway/rest/rest-server.js'
import type { RestServerOptions } from '../../src/gateway/rest/server-options.js'
import type { Contract } from '../../src/service/contract/contract.js'
import type { Handlers } from '../../src/service/contract/contract-types.js'
import { type ServeOptions, serve } from '../../src/service/serve.js'
import { createChannelPair } from '../../src/testing/channel-pair.js'

// biome-ignore lint/suspicious/noExplicitAny: bodies of replies
export type Json = any

/** A reply, with its body as text and as JSON if it is JSON. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly json: Json
}

export interface Sent {
  readonly method?: string
  readonly path: string
  readonly headers?: Record<string, string | string[]>
  /** A value is sent as JSON; a Buffer as it is. */
  readonly body?: unknown
}

/** Sends requests to one place. */
export class RestClient {
  readonly origin: string
  readonly #agent: Agent

  constructor(origin: string, agent: Agent) {
    this.origin = origin
    this.#agent = agent
  }

  async send({ method = 'GET', path, headers = {}, body }: Sent): Promise<Reply> {
    const isRaw = body instanceof Uint8Array || typeof body === 'string'
    const sent = body === undefined ? undefined : isRaw ? body : JSON.stringify(body)
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    const reply = await request(this.origin + path, {
      method: method as 'GET',
      headers: { ...type, ...headers },
      body: sent as string,
      dispatcher: this.#agent,
    })
    const text = await reply.body.text()
    return { status: reply.statusCode, headers: reply.headers, text, json: jsonOf(text) }
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Reply> {
    return this.send({ path, headers })
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    return this.send({ method: 'POST', path, body, headers })
  }
}

function jsonOf(text: string): Json {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A client that ends with the test. */
export function restClient(origin: string): RestClient {
  const agent = new Agent({ keepAliveTimeout: 1_000 })
  onTestFinished(() => agent.destroy())
  return new RestClient(origin, agent)
}

/** A channel to a service with these handlers, which ends with the test. */
export async function servedChannel(
  contract: Contract,
  handlers: Record<string, unknown>,
  options: ServeOptions = {},
): Promise<Awaited<ReturnType<typeof createChannelPair>>[0]> {
  const [left, right] = createChannelPair()
  await serve(right, handlers as Handlers<Contract>, { ...options, contract })
  onTestFinished(() => left.destroy())
  return left
}

export interface OpenServer {
  readonly server: RestServer
  readonly client: RestClient
}

/** A server in front of one service. All end with the test. */
export async function openServer(
  contract: Contract,
  handlers: Record<string, unknown>,
  options: Partial<RestServerOptions> = {},
  serveOptions: ServeOptions = {},
): Promise<OpenServer> {
  const target = await servedChannel(contract, handlers, serveOptions)
  return startServer({ services: [{ contract, target }], ...options })
}

/** A server at a free port of this machine. */
export async function startServer(
  options: Omit<RestServerOptions, 'listen'> & Partial<RestServerOptions>,
): Promise<OpenServer> {
  const server = await createRestServer({ listen: '127.0.0.1:0', ...options })
  onTestFinished(() => server.close({ timeoutMs: 0 }))
  const scheme = options.tls === undefined ? 'http' : 'https'
  return { server, client: restClient(`${scheme}://${server.address}`) }
}

/** An application of Fastify with the plugin in front of one service. */
export async function openPlugin(
  contract: Contract,
  handlers: Record<string, unknown>,
  options: Partial<RestGatewayOptions> & { readonly prefix?: string } = {},
  configure: (app: FastifyInstance) => void = () => {},
): Promise<{ readonly app: FastifyInstance; readonly client: RestClient }> {
  const target = await servedChannel(contract, handlers)
  const app = fastify()
  onTestFinished(() => app.close())
  configure(app)
  await app.register(restGateway, { services: [{ contract, target }], ...options })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return { app, client: restClient(`http://127.0.0.1:${port}`) }
}
