// One of three processes that a request passes. Each writes its log to stderr with pino, as JSON.
//   correlated.mjs gateway|service|worker <address of the service> <address of the queue>
import { pino } from 'pino'
import { createRestServer } from '../../../dist/gateway/rest/index.js'
import { contract, createQueue, jsonSchema, openQueue, serve, unary, work } from '../../../dist/index.js'
import { correlation, enableCorrelation } from '../../../dist/observe/index.js'

const [role, serviceAddress, queueAddress] = process.argv.slice(2)
const ANY = jsonSchema({})
const Orders = contract('test.Orders', {
  place: unary({ input: ANY, output: ANY, http: 'POST /orders' }),
})

enableCorrelation()
const logger = pino(
  { name: role, level: 'debug', mixin: () => ({ correlationId: correlation() }) },
  pino.destination({ dest: 2, sync: true }),
)

if (role === 'worker') {
  await createQueue(queueAddress, { channel: { logger } })
  await work(
    queueAddress,
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      logger.info('the worker of the program runs')
      throw new Error('out of paper')
    },
    { channel: { logger } },
  )
  process.send('ready')
} else if (role === 'service') {
  const queue = await openQueue(queueAddress, { channel: { logger } })
  const place = async () => {
    logger.info('the handler of the program runs')
    await queue.request({ print: 1 }, { attempts: 1 })
    return {}
  }
  await serve(serviceAddress, { place }, { contract: Orders, channel: { logger } })
  process.send('ready')
} else {
  const services = [{ contract: Orders, target: serviceAddress, client: { channel: { logger } } }]
  const server = await createRestServer({ listen: '127.0.0.1:0', services, logger })
  process.send(server.port)
}
process.on('disconnect', () => process.exit())
