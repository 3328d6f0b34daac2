import { FixedAnswer } from '../fixed-answer.js'
import type { OpenApiOptions } from '../openapi/openapi-options.js'
import { swaggerFiles } from './swagger-files.js'

/** Where the page is, below the prefix of the gateway. */
const PAGE_PATH = '/docs'

/**
 * The script of the page. Its addresses are relative to the page, so that a proxy can move all of them. `validatorUrl` would send the address
 * of the document to another host.
 */
const SCRIPT = `window.ui = SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
})
`

/** All errors have one form, and no answer has links. */
const STYLE = `tr.response:is([data-code^='4'], [data-code^='5'], [data-code='default'])
  :is(.response-controls, .model-example, .headers-wrapper),
.response-col_links {
  display: none;
}
`

/** The answers of the page that shows the OpenAPI document and sends requests, by path. Rejects with `UNAVAILABLE` without Swagger UI. */
export async function docsPage(openapi: OpenApiOptions): Promise<ReadonlyMap<string, FixedAnswer>> {
  const files = await swaggerFiles()
  const answers = new Map<string, FixedAnswer>()
  answers.set(
    PAGE_PATH,
    new FixedAnswer(htmlOf(openapi.info.title), {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy(openapi),
    }),
  )
  const own = (name: string, text: string, type: string): unknown =>
    answers.set(`${PAGE_PATH}/${name}`, new FixedAnswer(text, { 'content-type': `${type}; charset=utf-8` }))
  own('page.js', SCRIPT, 'text/javascript')
  own('page.css', STYLE, 'text/css')
  for (const { name, contentType, body } of files)
    answers.set(`${PAGE_PATH}/${name}`, new FixedAnswer(body, { 'content-type': contentType }))
  return answers
}

function htmlOf(title: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/index.css">
<link rel="stylesheet" href="docs/page.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/page.js"></script>
</body>
</html>
`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** Scripts are files of this server only. Requests also go to the servers of the document. */
function contentSecurityPolicy({ servers = [] }: OpenApiOptions): string {
  const origins = servers.filter(({ url }) => URL.canParse(url)).map(({ url }) => new URL(url).origin)
  const connect = [...new Set(["'self'", ...origins])].join(' ')
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src ${connect}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}
