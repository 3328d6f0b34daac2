import type { GatewayService } from '../../services.js'
import { type RestGatewayOptions, resolveRestOptions } from '../rest-options.js'
import { describeApi, type OpenApiDocument } from './openapi-document.js'
import { checkOpenApiOptions, type OpenApiOptions } from './openapi-options.js'
import { apiSourceOf } from './settings-source.js'
import { yamlText } from './yaml.js'

/** The options of `openApiDocument`: those of the gateway, and its prefix. The services need no `target`. */
export interface OpenApiDocumentOptions extends Omit<RestGatewayOptions, 'services' | 'openapi'> {
  /** The services that the document describes. */
  services: readonly Pick<GatewayService, 'contract'>[]
  openapi: OpenApiOptions
  /** As for `app.register`, for example `'/api'`. Default: none. */
  prefix?: string | undefined
}

/**
 * The OpenAPI document of a gateway with these options, without a server: for a file in the repository, or a check in CI. It has the same
 * bytes as `/openapi.json` of the gateway.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function openApiDocument(options: OpenApiDocumentOptions): OpenApiDocument {
  const { prefix = '', services, ...rest } = options
  checkOpenApiOptions(options.openapi)
  // Nothing is called.
  const targets = services.map((service) => ({ target: 'none', ...service }))
  const settings = resolveRestOptions({ ...rest, services: targets })
  return describeApi(apiSourceOf(settings, options.openapi, prefix))
}

/** An OpenAPI document as YAML 1.2, with the same bytes as `/openapi.yaml` of the gateway. */
export function openApiYaml(document: OpenApiDocument): string {
  return yamlText(document)
}
