import { printable } from '../../printable.js'
import type { CommandIo, Format } from '../command.js'
import { wrap } from '../wrap.js'
import type { Finding } from './finding.js'

const STATUS_FORMATS: Readonly<Record<Finding['status'], Format>> = {
  ok: 'green',
  note: 'yellow',
  problem: 'red',
}
const STATUS_WIDTH = 'problem'.length
const GAP = '  '
const FIX = 'fix:'

/** The text of `shmwire doctor`. */
export function doctorReport(
  findings: readonly Finding[],
  { style, columns }: Pick<CommandIo, 'style' | 'columns'>,
): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  const indent = STATUS_WIDTH + GAP.length + width + GAP.length
  const lines = findings.map((finding) => {
    const { status, check, text } = finding
    const mark = style(STATUS_FORMATS[status], status.padEnd(STATUS_WIDTH))
    const line = `${mark}${GAP}${check.padEnd(width)}${GAP}${wrap(printable(text), indent, columns)}\n`
    if (finding.status === 'ok') return line
    const fix = wrap(printable(finding.fix), indent + FIX.length + 1, columns)
    return `${line}${' '.repeat(indent)}${style('bold', FIX)} ${fix}\n`
  })
  return `${lines.join('')}\n${summary(findings, style)}\n`
}

function summary(findings: readonly Finding[], style: CommandIo['style']): string {
  const count = (status: Finding['status']): number =>
    findings.filter((finding) => finding.status === status).length
  const problems = count('problem')
  const notes = count('note')
  const parts = [plural(problems, 'problem'), plural(notes, 'note')].filter((text) => text !== '')
  if (parts.length === 0) return style('green', 'Everything is fine.')
  return style(problems > 0 ? 'red' : 'yellow', `${parts.join(', ')}.`)
}

function plural(count: number, noun: string): string {
  if (count === 0) return ''
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`
}
