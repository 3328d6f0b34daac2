import type { FuzzedOperation } from './operations.js'
import type { DocumentSchemas, FuzzedRequest } from './requests.js'
import type { Json } from './schema-values.js'

/** The answer of a server. */
export interface FuzzedAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** Throws unless the answer is one that the document states for the request. */
export function checkAnswer(
  operation: FuzzedOperation,
  request: FuzzedRequest,
  answer: FuzzedAnswer,
  schemas: DocumentSchemas,
): void {
  const { status, headers, text } = answer
  const fault = (problem: string): Error =>
    new Error(
      `${operation.id}: ${request.what}: ${request.method} ${request.target}\n${JSON.stringify(request.headers)}\n${request.body ?? ''}\n` +
        `answer ${status}: ${text.slice(0, 500)}\n${problem}`,
    )
  const isExpected = {
    valid: status < 400,
    refused: status >= 400 && status < 500 && status !== 401,
    unauthenticated: status === 401,
  }[request.expected]
  if (!isExpected) throw fault(`the request is ${request.expected}`)
  const response = operation.responses[String(status)]
  if (response === undefined) throw fault(`the document has no status ${status}`)
  for (const name of requiredHeaders(response, operation))
    if (headers[name] === undefined) throw fault(`there is no header ${name}`)
  const contents: Readonly<Record<string, Json>> = response.content ?? {}
  const type = String(headers['content-type'] ?? '').split(';')[0] as string
  if (Object.keys(contents).length === 0) {
    if (text !== '') throw fault('the document has no body')
    return
  }
  const content = contents[type]
  if (content === undefined) throw fault(`the document has no type ${type}`)
  for (const value of valuesOf(type, text, fault)) {
    const schema = content['x-itemSchema'] ?? content.schema
    const problem = schemas.fault(schema, value)
    if (problem !== undefined) throw fault(`${JSON.stringify(value)}: ${problem}`)
  }
}

/** Those that all answers have. */
function requiredHeaders({ headers = {} }: Json, { id }: FuzzedOperation): readonly string[] {
  const own = ['x-correlation-id', 'ratelimit', 'www-authenticate']
  return id === 'health' || id === 'ready' ? [] : own.filter((name) => name in headers)
}

/** The JSON values of a body. */
function valuesOf(type: string, text: string, fault: (problem: string) => Error): readonly Json[] {
  switch (type) {
    case 'application/x-ndjson':
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
    case 'text/event-stream': {
      const events = text.split('\n\n').filter((event) => /^data: /m.test(event))
      if (!/^event: end$/m.test(events.pop() ?? '')) throw fault('the stream has no end')
      return events.map((event) => JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? ''))
    }
    default:
      return [JSON.parse(text)]
  }
}
