import type { ReadStream, WriteStream } from 'node:tty'
import { keysOf } from './top-view.js'

const ALTERNATE_SCREEN = '\x1b[?1049h\x1b[?25l'
const NORMAL_SCREEN = '\x1b[?25h\x1b[?1049l'
/** Terminals that know it show all changes between the two at once. */
const BEGIN_UPDATE = '\x1b[?2026h'
const END_UPDATE = '\x1b[?2026l'
const HOME = '\x1b[H'
const CLEAR_REST_OF_LINE = '\x1b[K'

const COLUMNS_DEFAULT = 80
const ROWS_DEFAULT = 24

type Input = Pick<ReadStream, 'setRawMode' | 'on' | 'off' | 'resume' | 'pause'>
type Output = Pick<WriteStream, 'write' | 'columns' | 'rows' | 'on' | 'off'>

/**
 * The alternate screen of a terminal. `close` shows the normal screen again, and so does an exit of the process, also after an error. A signal that ends the
 * process at once, such as SIGKILL or one without a listener, leaves the screen as it is.
 */
export class LiveScreen {
  readonly #input: Input
  readonly #output: Output
  readonly #onKey: (key: string) => void
  readonly #onResize: () => void
  #closed = false

  constructor(input: Input, output: Output, onKey: (key: string) => void, onResize: () => void) {
    this.#input = input
    this.#output = output
    this.#onKey = onKey
    this.#onResize = onResize
    output.write(ALTERNATE_SCREEN)
    process.on('exit', this.#restore)
    input.setRawMode(true)
    input.on('data', this.#onData)
    input.resume()
    output.on('resize', this.#onResize)
  }

  get size(): { readonly columns: number; readonly rows: number } {
    // 0 for some terminals whose size is not known.
    const { columns, rows } = this.#output
    return { columns: columns || COLUMNS_DEFAULT, rows: rows || ROWS_DEFAULT }
  }

  /** Overwrites the lines in place, so that the screen is never empty. */
  draw(lines: readonly string[]): void {
    const body = lines.map((line) => `${line}${CLEAR_REST_OF_LINE}`).join('\r\n')
    this.#output.write(`${BEGIN_UPDATE}${HOME}${body}${END_UPDATE}`)
  }

  /** Idempotent. */
  close(): void {
    process.off('exit', this.#restore)
    this.#input.off('data', this.#onData)
    this.#input.pause()
    this.#output.off('resize', this.#onResize)
    this.#restore()
  }

  readonly #onData = (data: Buffer | string): void => {
    for (const key of keysOf(data.toString())) this.#onKey(key)
  }

  readonly #restore = (): void => {
    if (this.#closed) return
    this.#closed = true
    this.#output.write(NORMAL_SCREEN)
    // It throws if the terminal is gone.
    this.#input.setRawMode(false)
  }
}
