import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { tracked } from '../../src/service/call/call-context.js'
import { contract, serverStream, unary } from '../../src/service/contract/define-contract.js'
import { closeBrowser, hasBrowser, openPage } from '../support/browser.js'
import { openPlugin, openServer } from '../support/rest-gateways.js'

afterAll(closeBrowser)

const User = z.object({ id: z.int(), name: z.string() })
const Users = contract('user.UserService', {
  getUser: unary({ input: z.object({ id: z.int() }), output: User, safe: true, http: 'GET /users/{id}' }),
  watchUsers: serverStream({
    output: z.object({ n: z.int() }),
    http: 'GET /users:watch',
  }),
})
const handlers = {
  getUser: ({ id }: { id: number }) => ({ id, name: `user ${id}` }),
  /** Breaks after three messages, and continues behind the last one that the client has got. */
  async *watchUsers(_: unknown, { lastEventId }: { lastEventId?: string }) {
    const first = Number(lastEventId ?? 0) + 1
    for (let n = first; n < first + 3; n += 1) yield tracked(String(n), { n })
    throw new Error('the connection of the service has broken')
  },
}
const options = { openapi: { info: { title: 'Users <&> others', version: '1.0.0' } }, page: true }

describe.skipIf(!hasBrowser)('the page of the REST gateway, in Chromium', () => {
  it.each(['', '/api'])('shows the document and sends requests with the prefix "%s"', async (prefix) => {
    const { client } =
      prefix === ''
        ? await openServer(Users, handlers, options)
        : await openPlugin(Users, handlers, { ...options, prefix })
    const { page, problems, hosts } = await openPage(`${client.origin}${prefix}/docs`)
    expect(await page.title()).toBe('Users <&> others')
    await page.locator('.opblock-summary-control').first().click()
    await page.locator('.try-out__btn').click()
    await page.locator('tr[data-param-name="id"] input').fill('7')
    await page.locator('.execute').click()
    const body = page.locator('.live-responses-table .highlight-code code').first()
    expect(JSON.parse((await body.textContent()) ?? '')).toEqual({ id: 7, name: 'user 7' })
    expect(await page.locator('.request-url pre').textContent()).toBe(`${client.origin}${prefix}/users/7`)
    expect(problems).toEqual([])
    expect([...hosts]).toEqual([new URL(client.origin).host])
  })

  it('runs no script that is not a file of the gateway', async () => {
    const { client } = await openServer(Users, handlers, options)
    const { page, problems } = await openPage(`${client.origin}/docs`)
    await page.locator('.opblock').first().waitFor()
    await page.evaluate(`{
      const script = document.createElement('script')
      script.textContent = 'globalThis.injected = true'
      document.body.append(script)
    }`)
    expect(await page.evaluate(() => 'injected' in globalThis)).toBe(false)
    expect(problems.join()).toMatch(/Content Security Policy/i)
  })

  it('lets an EventSource continue a stream behind its last event', async () => {
    const { client } = await openPlugin(Users, handlers, options, (app) => {
      app.get('/', (_request, reply) => {
        reply.type('text/html').send('<!doctype html><title>Events</title>')
      })
    })
    const { page } = await openPage(`${client.origin}/`)
    const seen = await page.evaluate(
      () =>
        new Promise<string[]>((resolve) => {
          const events: string[] = []
          const source = new EventSource('/users:watch')
          source.addEventListener('message', ({ data, lastEventId }) => {
            events.push(`${lastEventId} ${data}`)
            if (events.length === 7) {
              source.close()
              resolve(events)
            }
          })
        }),
    )
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => `${n} {"n":${n}}`))
  })
})
