// autocannon against the REST gateway, hour after hour.
import autocannon from 'autocannon'
import { Outcomes } from './outcomes.mjs'

const PATH = '/api/v1/users/7'
const BODY_ID = '"id":"7"'
/** autocannon itself connects again at once, which takes a whole processor while the gateway is away. */
const RECONNECT_MS = 50
const SAMPLE_MS = 50
const TIMEOUT_S = 10

export function startVolume({ port, connections }) {
  const outcomes = new Outcomes()

  /** Resolves to the number of answers. Without a rate, it sends as much as it can, and counts nothing else. */
  function hour({ rate, durationMs }) {
    return new Promise((resolve, reject) => {
      let answers = 0
      const run = autocannon(
        {
          url: `http://127.0.0.1:${port}${PATH}`,
          connections,
          duration: durationMs / 1000,
          sampleInt: SAMPLE_MS,
          timeout: TIMEOUT_S,
          ...(rate === undefined
            ? {}
            : { ignoreCoordinatedOmission: true, overallRate: Math.max(connections, Math.round(rate)) }),
          setupClient: connectSlowly,
          verifyBody: (body) => body.includes(BODY_ID) || body.includes('"error"'),
        },
        (error) => {
          if (error) reject(new Error(`autocannon: ${error.message}`))
          else resolve(answers)
        },
      )
      run.on('response', (_client, status, _bytes, ms) => {
        answers += 1
        if (rate === undefined) return
        if (status === 200) outcomes.succeed(ms)
        else outcomes.fail(String(status))
      })
      run.on('reqError', (error) => outcomes.fail(error.code ?? error.message))
      run.on('reqMismatch', () => outcomes.fail('a wrong body'))
    })
  }

  return { hour, stop: () => ({ outcomes: { 'REST, autocannon': outcomes } }), close: () => {} }
}

function connectSlowly(connection) {
  const connect = connection._connect.bind(connection)
  let isFirst = true
  connection._connect = () => {
    if (isFirst) connect()
    else setTimeout(() => connection.destroyed || connectAgain(), RECONNECT_MS)
    isFirst = false
  }
  function connectAgain() {
    // Otherwise the next answer has the time of a request that the old connection lost.
    connection.pipelinedRequests.clear()
    connect()
  }
}
