import { invalid, misuse, show } from '../options.js'

/** A named pipe of Windows. */
export interface PipeAddress {
  readonly kind: 'pipe'
  /** The path of the pipe, as node:net takes it. */
  readonly path: string
  readonly text: string
}

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

/** Throws `INVALID_ARGUMENT` for another form than `pipe:name`, and on other systems than Windows. */
export function parsePipeAddress(text: string, platform: NodeJS.Platform = process.platform): PipeAddress {
  const name = text.slice('pipe:'.length)
  if (!NAME.test(name)) {
    const form = '1 to 128 characters from A-Z a-z 0-9 . _ - that do not begin with . or -'
    throw invalid('address', text, `'pipe:' and a name; a name is ${form}`)
  }
  if (platform !== 'win32')
    throw misuse(
      `address ${show(text)} is a named pipe of Windows, and this system is ${platform}; use a plain name or 'unix:/absolute/path.sock'`,
    )
  return { kind: 'pipe', path: `\\\\.\\pipe\\shmwire-${name}`, text }
}
