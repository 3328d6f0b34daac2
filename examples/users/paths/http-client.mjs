// A small client of HTTP, without anything of shmwire.
import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { text } from 'node:stream/consumers'

export class HttpClient {
  #agent
  #options

  /** @param place a host and a port */
  constructor(place, tls) {
    const [host, port] = place.split(':')
    this.#agent = new Agent({ keepAlive: true })
    this.#options = { host, port, agent: this.#agent, ...tls }
  }

  /** Resolves to the protocol of the connection. */
  async connect() {
    const answer = await this.#send('GET', '/health')
    await text(answer)
    return `HTTP/${answer.httpVersion}`
  }

  /** Resolves to the body of the answer. The error of another answer has its `statusCode`. */
  async request(method, path, body) {
    const answer = await this.#send(method, path, { accept: 'application/json' }, body)
    const content = await text(answer)
    const { statusCode } = answer
    if (statusCode >= 300)
      throw Object.assign(new Error(`${method} ${path}: ${statusCode} ${content}`), { statusCode })
    return content === '' ? undefined : JSON.parse(content)
  }

  /** The server-sent events of an answer: https://html.spec.whatwg.org/multipage/server-sent-events.html */
  async *events(path, headers = {}) {
    const answer = await this.#send('GET', path, { ...headers, accept: 'text/event-stream' })
    let rest = ''
    for await (const part of answer.setEncoding('utf8')) {
      const blocks = (rest + part).split('\n\n')
      rest = blocks.pop()
      for (const block of blocks) {
        const event = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s)))
        if (event.event === 'end') return
        if (event.event === 'error') throw new Error(event.data)
        // Other blocks are comments, which keep the connection alive.
        if (event.data !== undefined) yield event
      }
    }
  }

  close() {
    this.#agent.destroy()
  }

  async #send(method, path, headers, body) {
    const sent = request({ ...this.#options, method, path, headers })
    if (body !== undefined) sent.setHeader('content-type', 'application/json')
    sent.end(body === undefined ? undefined : JSON.stringify(body))
    const [answer] = await once(sent, 'response')
    return answer
  }
}
