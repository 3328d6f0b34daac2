// Serves with the number of free descriptors that its parent sends, {free}, or with all of them, {}.
//   few-descriptors-server.mjs <address>
import { listen } from '../../../dist/index.js'
import { DescriptorLimit, openCount } from './descriptor-limit.mjs'

const server = await listen(process.argv[2])
server.on('channel', (channel) => channel.handle((value) => value))
const limit = new DescriptorLimit()
const usualCount = openCount()

process.on('message', async ({ free }) => {
  limit.releaseAll()
  const plenty = limit.free()
  const extra = openCount() - usualCount
  const allFree = extra === 0 || (await limit.isFree(plenty + extra))
  if (free !== undefined) limit.leave(free)
  process.send({ allFree })
})
process.on('disconnect', () => process.exit())
process.send('listening')
