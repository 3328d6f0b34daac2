import { types } from 'node:util'
import type { Work } from './addition-reader.js'
import { hiddenStateOf, isError } from './brand.js'
import { elementsOf, entriesOf } from './collections.js'
import { errorClassNameOf, errorMembers } from './error-parts.js'
import { KeyTable } from './key-work.js'
import { patternOf } from './pattern-parts.js'
import { Addition } from './tree-format.js'

/** The writer of the message. Its methods return false if the tree form cannot hold the value. */
export interface AdditionSink {
  /** The work of the receiver. */
  readonly work: Work
  addition(code: number): void
  length(count: number): void
  write(value: unknown, depth: number): boolean
  members(value: object, depth: number): boolean
}

/** Writes an object of a class without an encoding in MessagePack. False: the tree form cannot hold it. */
export function writeAddition(sink: AdditionSink, value: object, depth: number): boolean {
  if (types.isMap(value)) return writeMap(sink, value, depth)
  if (types.isSet(value)) return writeSet(sink, value, depth)
  if (isError(value)) return writeError(sink, value, depth)
  if (types.isRegExp(value)) {
    const { source, flags } = patternOf(value)
    sink.work.patterns.add(source, flags)
    sink.addition(Addition.REGEXP)
    return sink.write(source, depth) && sink.write(flags, depth)
  }
  // An object can have the prototype of a Date without being one.
  return hiddenStateOf(value) === undefined && sink.members(value, depth)
}

function writeMap(sink: AdditionSink, value: Map<unknown, unknown>, depth: number): boolean {
  // An accessor in the map can change it, so the entries are read first.
  const entries = entriesOf(value)
  sink.addition(Addition.MAP)
  sink.length(entries.length / 2)
  const table = new KeyTable(sink.work.keys)
  for (let at = 0; at < entries.length; at += 2) {
    table.add(entries[at])
    if (!sink.write(entries[at], depth + 1) || !sink.write(entries[at + 1], depth + 1)) return false
  }
  return true
}

function writeSet(sink: AdditionSink, value: Set<unknown>, depth: number): boolean {
  const elements = elementsOf(value)
  sink.addition(Addition.SET)
  sink.length(elements.length)
  const table = new KeyTable(sink.work.keys)
  for (const element of elements) {
    table.add(element)
    if (!sink.write(element, depth + 1)) return false
  }
  return true
}

function writeError(sink: AdditionSink, value: Error, depth: number): boolean {
  const className = errorClassNameOf(value)
  const members = errorMembers(value, className)
  sink.addition(Addition.ERROR)
  if (!sink.write(className, depth)) return false
  sink.length(members.length)
  for (const [key, member] of members) {
    sink.work.keys.add(key)
    if (!sink.write(key, depth + 1) || !sink.write(member, depth + 1)) return false
  }
  return true
}
