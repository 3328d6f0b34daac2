/** The errno of Node's errors: minus the number of Linux, or the number of libuv on Windows. */
export function errnoOf(code: 'ECONNREFUSED' | 'ECONNRESET'): number {
  const isWindows = process.platform === 'win32'
  if (code === 'ECONNREFUSED') return isWindows ? -4078 : -111
  return isWindows ? -4077 : -104
}
