import type { FastifyInstance, FastifyPluginAsync, HTTPMethods } from 'fastify'
import { observeGateway } from '../../observe/gateway-recorder.js'
import {
  type ClientFunctions,
  decodedClient,
  type OpenClient,
  undecodedClient,
} from '../../service/client.js'
import { closeClients, isProtoContract, openClients } from '../services.js'
import { Health } from './health.js'
import { HttpError } from './http-error.js'
import { keepBody } from './idempotent-calls.js'
import { parseJsonBody } from './json-body.js'
import { MetricsRoute } from './metrics-route.js'
import { documentRoutes } from './openapi/document-routes.js'
import { apiSourceOf } from './openapi/settings-source.js'
import { Replies } from './replies.js'
import { ADMITTED, RestCalls } from './rest-calls.js'
import { type RestGatewayOptions, type RestSettings, resolveRestOptions } from './rest-options.js'
import type { RouteTable } from './route-table.js'
import { addOwnRoute, literalPrefixOf, type OwnRoute, type Route, serviceRoutes } from './service-routes.js'
import { StreamReplies } from './stream-replies.js'

/** The parts of a gateway that its server uses. */
export interface OpenRestGateway {
  readonly calls: RestCalls
  readonly health: Health
  readonly streams: StreamReplies
  readonly clients: readonly ClientFunctions[]
}

/** All that Fastify routes; a path answers 405 to those that it does not have. */
const METHODS: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']
const JSON_TYPES = /^application\/(?:[\w.+-]+\+)?json(?:\s*;|$)/i

/**
 * A plugin of Fastify that answers requests of REST with calls of services: `await app.register(restGateway, { services })`. The routes are
 * those of the contracts: the option `http`, or `google.api.http` in a `.proto` file. A service can be absent: its calls then fail with 503,
 * until it is there. With the option `prefix`, the routes are below it. Content types, errors and hooks of the rest of the program remain as
 * they are.
 *
 * @throws `INVALID_ARGUMENT`, `ABORTED`, and the errors of `client` that waiting would not change
 */
export const restGateway: FastifyPluginAsync<RestGatewayOptions> = async (app, options) => {
  await openRestGateway(app, resolveRestOptions(options), false)
}

/** @param everything answers also the paths of no route */
export async function openRestGateway(
  app: FastifyInstance,
  settings: RestSettings,
  everything: boolean,
): Promise<OpenRestGateway> {
  const health = new Health(settings.checks, settings.logger)
  const clients = await openClients(settings, openClient, (service, connected) =>
    health.set(service, connected),
  )
  app.addHook('onClose', () => closeClients(clients, settings.logger))
  for (const [index, { contract }] of settings.services.entries()) {
    const client = clients[index]
    if (client !== undefined) health.add(contract.name, client)
  }
  const table = await serviceRoutes(settings, clients)
  // Fastify also takes a prefix with a slash at its end.
  const prefix = app.prefix.replace(/\/$/, '')
  const own = await addOwnRoutes(table, settings, health, prefix)
  const replies = new Replies(settings)
  const streams = new StreamReplies(settings, replies)
  const calls = new RestCalls(table, settings, replies, streams, prefix)
  const unregister = observeGateway(calls.recorder, 'rest')
  app.addHook('onClose', async () => unregister())
  app.addHook('preClose', async () => {
    health.drain()
    streams.close()
  })
  if (!app.hasRequestDecorator(ADMITTED)) app.decorateRequest(ADMITTED, null)
  addParsers(app, settings)
  app.setErrorHandler(calls.onError)
  const { onRequest, handle: handler } = calls
  const exposed = everything || prefix !== '' ? ['/*'] : urlsOf(settings, own)
  for (const url of exposed)
    app.route({
      method: METHODS,
      url,
      exposeHeadRoute: false,
      onRequest,
      handler,
      bodyLimit: settings.maxBodyBytes,
    })
  return { calls, health, streams, clients }
}

/** Adds the routes of the gateway itself. Returns their paths. */
async function addOwnRoutes(
  table: RouteTable<Route>,
  settings: RestSettings,
  health: Health,
  prefix: string,
): Promise<readonly string[]> {
  const paths: string[] = []
  const add = (path: string, answer: OwnRoute['answer'], remedy: string): void => {
    addOwnRoute(table, path, answer, `${remedy}, or give the method another route`)
    paths.push(path)
  }
  if (settings.health) {
    add('/health', health.health, 'pass health: false')
    add('/ready', health.ready, 'pass health: false')
  }
  const { metrics } = settings
  if (metrics !== undefined) add('/metrics', new MetricsRoute(settings, metrics).answer, 'leave out metrics')
  if (settings.openapi !== undefined) {
    const source = apiSourceOf(settings, settings.openapi, prefix)
    for (const [path, { answer }] of await documentRoutes(source, settings.page))
      add(path, answer, 'leave out openapi and page')
  }
  return paths
}

/** Messages of `.proto` files pass as bytes. */
const openClient: OpenClient = (target, options, onChange) =>
  (isProtoContract(options.contract) ? undecodedClient : decodedClient)(target, options, onChange)

/** Without a prefix, the program has other paths. */
function urlsOf({ services }: RestSettings, own: readonly string[]): string[] {
  const templates = services.flatMap(({ contract }) =>
    Object.values(contract.methods).flatMap(({ http }) => http.map(({ template }) => template)),
  )
  const urls = new Set(own)
  for (const template of templates) {
    const prefix = literalPrefixOf(template).map(fastifyText)
    const isWhole = prefix.length === template.segments.length
    const verb = isWhole && template.verb !== '' ? `::${fastifyText(template.verb)}` : ''
    urls.add(`/${prefix.join('/')}${verb}`)
    if (!isWhole) urls.add(prefix.length === 0 ? '/*' : `/${prefix.join('/')}/*`)
  }
  return [...urls]
}

/** Fastify compares decoded paths, and takes a colon for a parameter. */
function fastifyText(literal: string): string {
  return decodeURIComponent(literal).replaceAll(':', '::')
}

function addParsers(app: FastifyInstance, { maxBodyBytes: bodyLimit }: RestSettings): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(JSON_TYPES, { parseAs: 'buffer', bodyLimit }, (request, body, done) => {
    try {
      const encoding = request.headers['content-encoding'] ?? 'identity'
      if (encoding !== 'identity') throw unsupported('the body must not be compressed')
      keepBody(request, body as Buffer)
      done(null, parseJsonBody(body as Buffer))
    } catch (error) {
      done(error as Error)
    }
  })
  app.addContentTypeParser('*', (_request, _payload, done) =>
    done(unsupported('the body must be JSON, with content-type: application/json')),
  )
}

function unsupported(message: string): HttpError {
  return new HttpError(415, 'INVALID_ARGUMENT', message, { reason: 'UNSUPPORTED_MEDIA_TYPE' })
}
