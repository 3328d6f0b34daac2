import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A public name of the package, as its declaration file has it. */
export interface Declaration {
  readonly name: string
  readonly kind: 'function' | 'class' | 'interface' | 'type' | 'const'
  /** Of a function or a type: its signature without the keyword and the semicolon. */
  readonly signature: string
  /** Of a class or an interface; inherited ones only where the base is not public itself. */
  readonly members: readonly Member[]
}

export interface Member {
  readonly name: string
  /** Without modifiers, the types of parameters, `undefined` of an option, and the semicolon: `send(message, options?): Promise<void>`. */
  readonly signature: string
}

interface Source {
  readonly file: string
  readonly kind: Declaration['kind']
  readonly text: string
}

/** The names that these files export, in the format in which the compiler writes declarations. */
export function readDeclarations(entries: readonly string[]): Map<string, Declaration> {
  const exported = new Map(entries.flatMap(sourcesOf))
  return new Map([...exported].map(([name, source]) => [name, declarationOf(name, source, exported)]))
}

function sourcesOf(entry: string): [string, Source][] {
  const index = readFileSync(entry, 'utf8')
  const sources: [string, Source][] = []
  for (const [, names = '', from = ''] of index.matchAll(
    /^export (?:type )?\{([^}]*)\} from '([^']*)';$/gm,
  )) {
    const file = join(dirname(entry), from.replace(/\.js$/, '.d.ts'))
    const listed = names.split(',').map((text) => text.trim().replace(/^type /, ''))
    for (const name of listed.filter((text) => text !== '')) sources.push([name, find(file, name)])
  }
  return sources
}

function find(file: string, name: string): Source {
  const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const found = new RegExp(
    String.raw`^(?:export )?(?:declare )?(function|class|interface|type|const) ${name}\b[^;{]*(?:\{[\s\S]*?^\}|;)`,
    'm',
  ).exec(text)
  if (found === null) {
    const from = new RegExp(String.raw`import[^;]*\b${name}\b[^;]* from '([^']*)'`).exec(text)?.[1]
    if (from === undefined) throw new Error(`${file} does not declare ${name}`)
    return find(join(dirname(file), from.replace(/\.js$/, '.d.ts')), name)
  }
  return { file, kind: found[1] as Declaration['kind'], text: found[0] }
}

function declarationOf(name: string, source: Source, exported: ReadonlyMap<string, Source>): Declaration {
  const { kind, text } = source
  const hasMembers = kind === 'class' || kind === 'interface'
  return {
    name,
    kind,
    signature: hasMembers ? name : simplified(text.replace(/^(?:export )?(?:declare )?\w+ /, '')),
    members: hasMembers ? membersOf(source, exported) : [],
  }
}

function membersOf({ file, kind, text }: Source, exported: ReadonlyMap<string, Source>): Member[] {
  const own = [...text.matchAll(/^ {4}(?! )(.*;)$/gm)].flatMap(([, line = '']) => memberOf(line))
  const bases = kind === 'interface' ? (/^[^{]*\bextends ([\w, ]+) \{/.exec(text)?.[1] ?? '') : ''
  // A type of TypeScript itself has a page of its own.
  const hidden = bases
    .split(', ')
    .filter((base) => base !== '' && base !== 'AsyncDisposable' && !exported.has(base))
  return [...own, ...hidden.flatMap((base) => membersOf(find(file, base), exported))]
}

function memberOf(line: string): Member[] {
  // A property with get and set has two lines. Protected members are for the compiler.
  if (/^(?:set|protected) /.test(line)) return []
  const signature = simplified(line.replace(/^get (\w+)\(\)/, '$1').replace(/^readonly /, ''))
  const name = /^(\[[^\]]*\]|'[^']*'|#?[\w$]+)/.exec(signature)?.[1]
  if (name === undefined) throw new Error(`a member of unknown form: ${line}`)
  // A method that Node's streams call begins with `_`.
  if (name === 'constructor' || /^[#_]/.test(name)) return []
  return [{ name, signature }]
}

/** `name(a, b?): R` of a function, `name: T` of a property or option, `Name: T` of a type. */
function simplified(declaration: string): string {
  const text = declaration.replace(/;$/, '')
  const called = /^(\[[^\]]*\]|\w+)(\??)(?:<[^(]*>)?\(/.exec(text)
  if (called !== null) {
    const { parameters, rest } = splitParameters(text.slice(called[0].length))
    return `${called[1]}(${parameters.join(', ')})${rest}`
  }
  const alias = /^(\w+(?:<.*?>)?) = ([\s\S]*)$/.exec(text)
  if (alias !== null)
    return `${(alias[1] as string).replace(/ = [^,>]*/g, '')}: ${(alias[2] as string).replace(/\s+/g, ' ')}`
  const option = /^(\w+)\?: (.*)$/.exec(text)
  if (option === null) return text.replace(/^(\w+) = /, '$1: ')
  const type = (option[2] as string).replace(/ \| undefined$/, '').replace(/^\((.*)\)$/, '$1')
  return `${option[1]}: ${type}`
}

/** The names of the parameters, `?` included, up to the closing parenthesis, and what is behind it. */
function splitParameters(text: string): { parameters: string[]; rest: string } {
  const parameters: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] as string
    if (depth === 0 && (character === ',' || character === ')')) {
      const name = /^\s*_?((?:\.\.\.)?\w+\??)/.exec(text.slice(start, at))?.[1]
      if (name !== undefined) parameters.push(name)
      if (character === ')') return { parameters, rest: text.slice(at + 1) }
      start = at + 1
    }
    if ('([{<'.includes(character)) depth += 1
    else if (')]}'.includes(character) || (character === '>' && text[at - 1] !== '=')) depth -= 1
  }
  throw new Error(`parameters without an end: ${text}`)
}
