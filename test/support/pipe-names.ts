import { once } from 'node:events'
import { createServer } from 'node:net'

/** False under wine, which gives the name of a pipe to several servers (FILE_FLAG_FIRST_PIPE_INSTANCE). True where names are files. */
export async function pipeNamesAreExclusive(): Promise<boolean> {
  if (process.platform !== 'win32') return true
  const name = `\\\\?\\pipe\\shmwire-exclusive-${process.pid}`
  const first = createServer().listen(name)
  await once(first, 'listening')
  const second = createServer().listen(name)
  try {
    await once(second, 'listening')
    return false
  } catch {
    return true
  } finally {
    first.close()
    second.close()
  }
}
