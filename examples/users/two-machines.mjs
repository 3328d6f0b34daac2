// The same on two machines: the service and its gateways on one, their clients on another one. The machines are network namespaces of
// Linux, which need root.
//
//   npm run example:users:machines
import { execFileSync } from 'node:child_process'
import { inRun } from './in-run.mjs'
import { printTable } from './table.mjs'

/** Addresses that belong to no network: RFC 5737. */
const [SERVER, CLIENT] = [
  { name: `users-server-${process.pid}`, host: '192.0.2.1', device: 'veth0' },
  { name: `users-client-${process.pid}`, host: '192.0.2.2', device: 'veth1' },
]

await inRun(async (run) => {
  try {
    connectMachines(run)
  } catch (error) {
    console.log(`skipped: this program needs Linux, root and the command ip of iproute2. ${reasonOf(error)}`)
    return
  }
  const inside = ({ name }) => ['ip', 'netns', 'exec', name]
  const places = {
    ...(await run.start('service.mjs', [SERVER.host], { inside: inside(SERVER) })),
    ...(await run.start('gateway.mjs', [SERVER.host], { inside: inside(SERVER) })),
  }
  // The other machine has no files of the first one, and so no shared memory.
  const env = { SHMWIRE_DIR: run.directory('other-machine') }
  const { rows, users } = await run.start('other-machine.mjs', [JSON.stringify(places)], {
    env,
    inside: inside(CLIENT),
  })
  printTable('One service, called from another machine', rows, users)
  if (rows.some(({ same }) => !same)) process.exitCode = 1
})

/** Two namespaces with a cable between them. Deleting a namespace deletes its end of the cable. */
function connectMachines(run) {
  for (const { name } of [SERVER, CLIENT]) {
    ip('netns', 'add', name)
    run.undo(() => ip('netns', 'delete', name))
  }
  const ends = ['name', SERVER.device, 'netns', SERVER.name, 'type', 'veth']
  ip('link', 'add', ...ends, 'peer', 'name', CLIENT.device, 'netns', CLIENT.name)
  for (const { name, host, device } of [SERVER, CLIENT]) {
    ip('-n', name, 'address', 'add', `${host}/24`, 'dev', device)
    for (const each of [device, 'lo']) ip('-n', name, 'link', 'set', each, 'up')
  }
}

function ip(...words) {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
}

function reasonOf({ code, message, stderr }) {
  return code === 'ENOENT' ? 'There is no command ip.' : `ip: ${stderr?.trim() ?? message}`
}
