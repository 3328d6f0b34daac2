import { chmodSync, closeSync, constants, fstatSync, lutimesSync, openSync } from 'node:fs'
import { timeOfDayMs } from '../host.js'

const STICKY = 0o1000
const PERMISSIONS = 0o7777
/** From <asm-generic/fcntl.h>; Node does not export it. A socket cannot be opened in another way. */
const O_PATH = 0o10000000

/**
 * Protects the socket `file` from programs that remove old files. tmpreaper, tmpwatch and `find` compare a time, which is now renewed.
 * systemd-tmpfiles also keeps files with the sticky bit (XDG Base Directory Specification), which protects a stopped server too.
 * Follows no symbolic link, because others may write to the directory of an explicit path.
 */
export function protectFile(file: string): void {
  const nowSeconds = timeOfDayMs() / 1000
  lutimesSync(file, nowSeconds, nowSeconds)
  if (process.platform === 'linux') setStickyBit(file)
}

function setStickyBit(file: string): void {
  const descriptor = openSync(file, O_PATH | constants.O_NOFOLLOW)
  try {
    const { mode } = fstatSync(descriptor)
    // The path names the opened file itself, which may have another name by now.
    if ((mode & STICKY) === 0) chmodSync(`/proc/self/fd/${descriptor}`, (mode & PERMISSIONS) | STICKY)
  } finally {
    closeSync(descriptor)
  }
}
