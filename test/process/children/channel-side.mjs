// One side of a channel, in any environment, that reports its state in lines of JSON.
//   channel-side.mjs server|client <address> <JSON: options of the channel, and those below>
//     uid                becomes this user first
//     effective          {uid, gid}: changes its effective ids to these first
//     changes            {uid, gid}: changes them during the call of `authorize`
//     addressSpaceBytes  the limit of further mapped memory
//     authorizeAll           passes an `authorize` that accepts every peer
//     stays              client: does not close the channel, but waits for its end
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { loadBinding } from '../../../build/modules/native/load-binding.js'
import { connect, listen } from '../../../dist/index.js'

const [role, address, json = '{}'] = process.argv.slice(2)
const {
  uid,
  effective,
  changes,
  addressSpaceBytes,
  authorizeAll = false,
  stays = false,
  ...rest
} = JSON.parse(json)
const authorize = () => {
  becomeEffectively(changes)
  return true
}
const options = { ...rest, ...(authorizeAll || changes ? { authorize } : {}) }
const report = (value) => console.log(JSON.stringify(value))
const failureOf = ({ code, message }) => ({ code, message })
const what = ({ transport, fallbackReason, peer }) => ({ transport, fallbackReason, peer })
const namespaces = Object.fromEntries(
  readdirSync('/proc/self/ns').map((name) => [name, readlinkSync(`/proc/self/ns/${name}`)]),
)

// The other user may have no access to the addon.
loadBinding()
if (uid !== undefined) {
  process.setgroups([])
  process.setgid(uid)
  process.setuid(uid)
}
becomeEffectively(effective)
if (addressSpaceBytes !== undefined) {
  const [, kibibytes] = /^VmSize:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))
  execFileSync('prlimit', ['--pid', process.pid, `--as=${kibibytes * 1024 + addressSpaceBytes}`])
}

try {
  if (role === 'server') await serve()
  else await ask()
} catch (error) {
  report(failureOf(error))
}

/** The group first: only root may change it. */
function becomeEffectively(ids = {}) {
  if (ids.gid !== undefined) process.setegid(ids.gid)
  if (ids.uid !== undefined) process.seteuid(ids.uid)
}

/** Until its first channel has ended. */
async function serve() {
  const server = await listen(address, options)
  server.on('channel', (channel) => {
    channel.handle((value) => value)
    report(what(channel))
    channel.on('close', (error) => {
      report({ closed: error?.code ?? 'in order' })
      void server.close()
    })
  })
  report({ listening: true, pid: process.pid, namespaces })
}

async function ask() {
  const channel = await connect(address, options)
  const closed = new Promise((resolve) => {
    channel.once('close', (error) => resolve({ closed: error?.code ?? 'in order' }))
  })
  const block = Buffer.alloc(300_000, 7)
  const reply = await channel.request(block)
  report({ ...what(channel), whole: block.equals(reply), pid: process.pid, namespaces })
  if (!stays) await channel.close()
  // The socket of a channel that stays keeps the process alive.
  report(await closed)
}
