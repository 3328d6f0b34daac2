/** The fields of a line, such as `event`, `correlationId`, `service` and `error`: see docs/logs.md. Hidden characters are escaped. */
export type LogFields = Readonly<Record<string, string | number | boolean>>

/** Receives lines, as pino, bunyan and `console` do. docs/logs.md lists the lines. */
export interface Logger {
  debug(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}
