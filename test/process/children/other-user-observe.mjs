// Becomes another user, then asks a server for the counters of its process, and reports the outcome.
//   other-user-observe.mjs <uid> <address>
import { ServerObserver } from '../../../build/modules/discovery/observe-servers.js'

const [uid, address] = process.argv.slice(2)
// Loads the addon first, because the other user may have no access to it.
const observer = new ServerObserver([address], { authorize: () => true })
process.setgid(Number(uid))
process.setuid(Number(uid))

const [answer] = await observer.ask()
console.log(JSON.stringify({ code: answer.error?.code, hasSnapshot: answer.snapshot !== undefined }))
