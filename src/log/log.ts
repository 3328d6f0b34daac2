import { Console } from 'node:console'
import { debuglog } from 'node:util'
import { currentCorrelation } from '../correlation.js'
import { backgroundErrors } from '../observe/diagnostics-channels.js'
import { printable } from '../printable.js'
import { runApart, textOfThrown } from '../uncaught.js'
import { LogLimit } from './limit.js'
import { LOG_LINES, type LogEvent, type LogLevel } from './lines.js'
import type { LogFields, Logger } from './logger.js'

const FIELD_CHARACTERS_MAX = 1024
const LINE_CHARACTERS_MAX = 4096

/** Writes to stderr if the environment variable `NODE_DEBUG` names `shmwire`. */
const debug = debuglog('shmwire')

/** The fields of a line. Never metadata, tokens, messages, or the query of a URL. */
export interface LogDetails {
  readonly [field: string]: unknown
  /** The line has its text and its code. */
  readonly error?: unknown
  /** Undefined: that of the operation that runs now. Null: the line belongs to no operation, although its code can run in one. */
  readonly correlationId?: string | null | undefined
}

interface LoggedChannel {
  readonly logger: Logger
  readonly connectionId: string | undefined
}

const channels = new WeakMap<object, LoggedChannel>()

/** For code that has only the channel. */
export function setLogger(
  channel: object,
  logger: Logger | undefined,
  connectionId: string | undefined,
): void {
  if (logger !== undefined) channels.set(channel, { logger, connectionId })
}

/** The logger of the options with which the channel was opened. */
export function loggerOf(channel: object | undefined): Logger | undefined {
  return channel === undefined ? undefined : channels.get(channel)?.logger
}

/** The id of a connection that both ends log. Undefined for a channel without a logger. */
export function connectionIdOf(channel: object): string | undefined {
  return channels.get(channel)?.connectionId
}

/**
 * Writes one line to the user's logger, and to stderr with `NODE_DEBUG=shmwire`. Without both, it does not call `detailsOf`, unless a
 * subscriber gets the error of the line. A text can quote a peer, so hidden characters are escaped and long texts are cut.
 */
export function log(logger: Logger | undefined, event: LogEvent, detailsOf: () => LogDetails): void {
  const reports = backgroundErrors.hasSubscribers && LOG_LINES[event].background === true
  const writes = (logger !== undefined || debug.enabled) && limitOf(logger).admits(event)
  if (!reports && !writes) return
  const details = detailsOf()
  if (reports && details.error !== undefined)
    backgroundErrors.publish({ event, error: details.error, fields: fieldsOf(details) })
  if (writes) write(logger, event, details)
}

function write(
  logger: Logger | undefined,
  event: LogEvent,
  details: LogDetails,
  level: LogLevel = LOG_LINES[event].level,
): void {
  const { message, action } = LOG_LINES[event]
  const text = `shmwire: ${message}`
  const fields: LogFields = { event, ...fieldsOf(details), ...(action === undefined ? {} : { action }) }
  if (debug.enabled) debug('%s', lineOf(text, fields))
  if (logger === undefined) return
  if (isConsole(logger)) runApart(() => logger[level](lineOf(text, fields)))
  else runApart(() => logger[level](fields, text))
}

/** The fields of a line. Those without a value are left out. */
function fieldsOf({ error, correlationId = currentCorrelation(), ...rest }: LogDetails): LogFields {
  const fields: Record<string, string | number | boolean> = {}
  const entries = Object.entries({ correlationId, ...rest, ...errorFields(error) })
  for (const [name, value] of entries) {
    if (typeof value === 'string') fields[name] = printable(value, FIELD_CHARACTERS_MAX)
    else if (typeof value === 'number' || typeof value === 'boolean') fields[name] = value
  }
  return fields
}

function errorFields(error: unknown): { readonly error?: string; readonly errorCode?: string | number } {
  if (error === undefined) return {}
  const code = codeOf(error)
  return code === undefined ? { error: textOfThrown(error) } : { error: textOfThrown(error), errorCode: code }
}

/** The accessors of a thrown value can throw. */
export function codeOf(error: unknown): string | number | undefined {
  try {
    const code: unknown = (error as { readonly code?: unknown } | null | undefined)?.code
    return typeof code === 'string' || typeof code === 'number' ? code : undefined
  } catch {
    return undefined
  }
}

/** For people: a console would print an object over several lines. */
function lineOf(text: string, fields: LogFields): string {
  const parts = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? quoted(value) : value}`,
  )
  return printable(`${text} ${parts.join(' ')}`, LINE_CHARACTERS_MAX)
}

function quoted(text: string): string {
  return /^[\w.:/@+-]+$/.test(text) ? text : JSON.stringify(text)
}

function isConsole(logger: Logger): logger is Logger & Record<LogLevel, (line: string) => void> {
  return logger === globalThis.console || (typeof Console === 'function' && logger instanceof Console)
}

/** NODE_DEBUG writes lines without a logger. */
const WITHOUT_LOGGER = {}
const limits = new WeakMap<object, LogLimit<LogEvent>>()

function limitOf(logger: Logger | undefined): LogLimit<LogEvent> {
  const owner = logger ?? WITHOUT_LOGGER
  let limit = limits.get(owner)
  if (limit === undefined) {
    limit = new LogLimit((suppressedEvent, lines) =>
      write(
        logger,
        'log.suppressed',
        { suppressedEvent, lines, correlationId: null },
        LOG_LINES[suppressedEvent].level,
      ),
    )
    limits.set(owner, limit)
  }
  return limit
}
