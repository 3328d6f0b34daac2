// A child of spawnChannel. The first argument is what it does.
import { writeSync } from 'node:fs'
import { connect } from '../../../dist/index.js'

const [, , plan] = process.argv

if (plan === 'prints') console.log('ready to serve')
if (plan === 'exits') process.exit(3)
if (plan === 'killed') process.kill(process.pid, 'SIGKILL')
if (plan === 'silent') setInterval(() => {}, 1_000)
else {
  const channel = await connect('stdio:')
  channel.handle((message) => {
    if (message === 'print') console.log('printed by mistake')
    if (message === 'write') writeSync(1, 'printed by native code, which no one can redirect\n')
    if (message === 'exit') process.exit(0)
    if (message === 'exit 7') process.exit(7)
    if (message === 'throw')
      setImmediate(() => {
        throw new Error('thrown by the child')
      })
    if (message === 'SIGKILL') process.kill(process.pid, message)
    if (['throw', 'SIGKILL'].includes(message)) return new Promise(() => {})
    if (message === 'destroy') channel.destroy()
    if (message === 'again') return connect('stdio:').catch((error) => error.code)
    return message
  })
  channel.on('message', (message) => channel.send(message))
}
