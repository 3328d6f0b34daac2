// Sends requests to an echo server until it has been suspended for long, then some more, and closes.
//   requester.mjs asleep|busy|blocked <address> <least milliseconds without an answer that count as long>
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../../../dist/index.js'

const [how, address, longMs] = process.argv.slice(2)
const report = (value) => console.log(JSON.stringify(value))
/** Long enough for both sides to fall asleep. */
const REST_MS = 50
const ROUNDS_AFTERWARDS = 20

const rounds = {
  async asleep(number) {
    await sleep(REST_MS)
    return channel.request(number)
  },
  busy: (number) => channel.request(number),
  // The event loop does not run, and the suspension may interrupt a waiting call.
  blocked: (number) => channel.requestSync(number),
}

const channel = await connect(address)
let wrong = 0
let suspended = false
let left = ROUNDS_AFTERWARDS
let answeredMs = performance.now()
for (let number = 0; left > 0; number += 1) {
  if ((await rounds[how](number)) !== number) wrong += 1
  if (number === 0) report('answered')
  const nowMs = performance.now()
  suspended ||= nowMs - answeredMs >= longMs
  answeredMs = nowMs
  if (suspended) left -= 1
}
report({ wrong, transport: channel.transport })
await channel.close()
