import { invalid } from '../options.js'

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/
const FORM = '1 to 64 characters from A-Z a-z 0-9 . _ - that do not begin with . or -'

/** Whether a server can have this plain name. */
export function isName(text: string): boolean {
  return NAME.test(text)
}

/** Throws `INVALID_ARGUMENT`. `supported` lists the forms of an address. */
export function checkName(text: string, supported: string): void {
  if (!isName(text)) throw invalid('address', text, `${supported}; a name is ${FORM}`)
}
