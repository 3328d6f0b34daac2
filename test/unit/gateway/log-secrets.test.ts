import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import { expect, it, onTestFinished } from 'vitest'
import { connect } from '../../../src/connect.js'
import { createRestServer } from '../../../src/gateway/rest/rest-server.js'
import { listen } from '../../../src/listen.js'
import { createQueue } from '../../../src/messaging/queue/create-queue.js'
import { work } from '../../../src/messaging/queue/work.js'
import { enableCorrelation } from '../../../src/observe/correlation.js'
import { type ErrorReport, onError } from '../../../src/observe/on-error.js'
import { jsonSchema } from '../../../src/schema/json-schema.js'
import { client } from '../../../src/service/client.js'
import { contract, unary } from '../../../src/service/contract/define-contract.js'
import { serve } from '../../../src/service/serve.js'
import { Authority } from '../../support/certificates.js'
import { recordingLogger } from '../../support/line-logger.js'
import { localAddress } from '../../support/local-address.js'
import { restClient } from '../../support/rest-gateways.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'
import { eventually } from '../../support/turns.js'

const SECRET = 's3cr3t'
const ANY = jsonSchema<unknown>({})
const Vault = contract('test.Vault', {
  open: unary({ input: ANY, output: ANY, http: 'POST /vault' }),
  look: unary({ input: ANY, output: ANY, http: 'GET /vault' }),
})

it('no line and no report has a secret of a request, a call, a job or a key', async () => {
  const { logger, lines } = recordingLogger()
  const reports: ErrorReport[] = []
  onTestFinished(onError((report) => reports.push(report)))
  onTestFinished(enableCorrelation())
  const fail = (): never => {
    throw new Error('the vault is stuck')
  }

  const address = localAddress(temporaryDirectory())
  const server = await listen(address, { logger })
  const fails = { open: fail, look: fail }
  await serve(server, fails, { contract: Vault })
  const service = { contract: Vault, target: address, client: { channel: { logger } } }
  const gateway = await createRestServer({
    listen: '127.0.0.1:0',
    services: [service],
    logger,
    ignoreUnknown: true,
  })
  const rest = restClient(`http://127.0.0.1:${gateway.port}`)
  const headers = {
    authorization: `Bearer ${SECRET}`,
    cookie: `session=${SECRET}`,
    'x-api-key': SECRET,
    'x-correlation-id': `not valid ${SECRET}`,
    baggage: `user=${SECRET}`,
  }
  await rest.post(`/vault?token=${SECRET}`, { pin: SECRET }, headers)
  await rest.get(`/vault?token=${SECRET}`, headers)
  await rest.get(`/nothing?token=${SECRET}`, headers)

  const vault = await client(address, { contract: Vault, channel: { logger } })
  const metadata = { authorization: SECRET, 'key-bin': Buffer.from(SECRET) }
  await expect(vault.open({ pin: SECRET }, { metadata })).rejects.toThrow('stuck')
  // The usual mistake of a token from a file.
  await expect(vault.open({}, { metadata: { authorization: `${SECRET}\n` } })).rejects.toThrow(
    'a string of 7 characters',
  )

  const queueAddress = localAddress(temporaryDirectory())
  const queue = await createQueue(queueAddress, { channel: { logger } })
  const worker = await work(queueAddress, fail, { channel: { logger } })
  await queue.push({ pin: SECRET }, { attempts: 1, headers: { authorization: SECRET } })
  await expect(queue.push({}, { headers: { authorization: `${SECRET}\n` } })).rejects.toThrow(
    'a string of 7 characters',
  )
  await eventually(() => lines.some(({ fields }) => fields['event'] === 'queue.attemptFailed'))

  const authority = new Authority()
  onTestFinished(() => authority.remove())
  const tls = authority.sign('localhost')
  const secure = await listen('tls://localhost:0', { tls, logger })
  const port = Number(secure.address.split(':').at(-1))
  const foreign = connectTls({ host: 'localhost', port, ca: authority.ca }).on('error', () => {})
  foreign.resume()
  foreign.end(`GET /?token=${SECRET} HTTP/1.1\r\nauthorization: ${SECRET}\r\n\r\n`)
  await once(foreign, 'close')
  await expect(connect(secure.address, { tls: { ca: authority.ca }, logger })).rejects.toThrow()
  await eventually(() => lines.filter(({ fields }) => fields['event'] === 'client.refused').length >= 2)

  const events = new Set(lines.map(({ fields }) => fields['event']))
  for (const event of [
    'gateway.requestFailed',
    'service.callFailed',
    'queue.attemptFailed',
    'channel.opened',
  ])
    expect(events).toContain(event)
  const key = tls.key.split('\n')[1] as string
  const texts = [
    ...lines.map((line) => JSON.stringify(line)),
    ...reports.map(({ error, ...report }) => JSON.stringify([report, (error as Error).message])),
  ]
  for (const text of texts) {
    expect(text).not.toContain(SECRET)
    expect(text).not.toContain(key)
  }
  await Promise.all([worker.close(), vault.$close(), gateway.close()])
  await Promise.all([queue.close(), server.close(), secure.close()])
})
