import type { LogFields, Logger } from '../../src/log/logger.js'

/** A line that a logger got. */
export interface LoggedLine {
  readonly level: 'debug' | 'warn' | 'error'
  readonly message: string
  readonly fields: LogFields
}

/** A logger that keeps its lines. */
export function recordingLogger(): { readonly logger: Logger; readonly lines: LoggedLine[] } {
  const lines: LoggedLine[] = []
  const write =
    (level: LoggedLine['level']) =>
    (fields: LogFields, message: string): void => {
      lines.push({ level, message, fields })
    }
  return { logger: { debug: write('debug'), warn: write('warn'), error: write('error') }, lines }
}

/** A logger that adds each line of these levels to `texts`: its event, and its fields as JSON. */
export function textLogger(
  texts: string[],
  levels: readonly LoggedLine['level'][] = ['warn', 'error'],
): Logger {
  const write =
    (level: LoggedLine['level']) =>
    (fields: LogFields): void => {
      if (levels.includes(level)) texts.push(`${fields['event']} ${JSON.stringify(fields)}`)
    }
  return { debug: write('debug'), warn: write('warn'), error: write('error') }
}
