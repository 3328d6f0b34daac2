import { FixedAnswer } from '../fixed-answer.js'
import { docsPage } from '../page/docs-page.js'
import type { ApiSource } from './api-source.js'
import { describeApi } from './openapi-document.js'
import { yamlText } from './yaml.js'

/** https://spec.openapis.org/oas/v3.1.1#openapi-document: there is no media type of its own yet. */
const JSON_TYPE = 'application/json; charset=utf-8'
/** RFC 9512. */
const YAML_TYPE = 'application/yaml; charset=utf-8'

/** The answers with the document and the page, by path. Rejects with `UNAVAILABLE` for a page without Swagger UI. */
export async function documentRoutes(
  source: ApiSource,
  hasPage: boolean,
): Promise<ReadonlyMap<string, FixedAnswer>> {
  const document = describeApi(source)
  const page = hasPage ? await docsPage(source.openapi) : []
  return new Map([
    ['/openapi.json', new FixedAnswer(JSON.stringify(document), { 'content-type': JSON_TYPE })],
    ['/openapi.yaml', new FixedAnswer(yamlText(document), { 'content-type': YAML_TYPE })],
    ...page,
  ])
}
