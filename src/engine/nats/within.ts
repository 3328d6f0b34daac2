import { waitWithin } from '../../deadline.js'
import type { WaitOptions } from '../../options.js'

interface Closable {
  close(): Promise<void>
}

/** Opens something within the time of the caller. It is closed at once if it opens later. */
export function within<T extends Closable>(
  { signal, timeoutMs }: WaitOptions,
  what: string,
  open: () => Promise<T>,
): Promise<T> {
  return waitWithin<T>({ signal, timeoutMs }, what, (resolve, reject) => {
    let isLate = false
    open().then((opened) => {
      if (isLate) void opened.close()
      else resolve(opened)
    }, reject)
    return () => {
      isLate = true
    }
  })
}
