// Serves with as many descriptors left to it as its parent says: {free}, or all of them: {}.
//   few-descriptors-server.mjs <address>
import { listen } from '../../../dist/index.js'
import { Hoard, openCount } from './hoard.mjs'

const server = await listen(process.argv[2])
server.on('channel', (channel) => channel.handle((value) => value))
const hoard = new Hoard()
const usualCount = openCount()

process.on('message', async ({ free }) => {
  hoard.giveBack()
  const plenty = hoard.free()
  const extra = openCount() - usualCount
  const allBack = extra === 0 || (await hoard.isFree(plenty + extra))
  if (free !== undefined) hoard.leave(free)
  process.send({ allBack })
})
process.on('disconnect', () => process.exit())
process.send('listening')
