/**
 * The header `grpc-status-details-bin`: a `google.rpc.Status` with the details of an error, as in
 * https://google.aip.dev/193. It has up to four details: `BadRequest` with the wrong fields, `ErrorInfo` with the reason,
 * `RetryInfo` for details with `retryDelayMs`, and a `google.protobuf.Value` with the details as JSON, so that they arrive whole at another shmwire.
 */
import { fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf'
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { ValueSchema } from '@bufbuild/protobuf/wkt'
import { type FieldViolation, rawMessageOf, ServiceError } from '../../service-error.js'
import type { Status } from '../../status.js'
import { codeOfStatus } from './status-codes.js'

export const STATUS_DETAILS = 'grpc-status-details-bin'

/** The services of a program are one domain; ErrorInfo demands one. */
const DOMAIN = 'shmwire'
const TYPE_URL = 'type.googleapis.com/'
const BAD_REQUEST = 'google.rpc.BadRequest'
const ERROR_INFO = 'google.rpc.ErrorInfo'
const RETRY_INFO = 'google.rpc.RetryInfo'
const VALUE = 'google.protobuf.Value'
/** Larger details do not fit into the headers of common servers and proxies. */
const DETAILS_BYTES_MAX = 7 * 1024
const DETAILS_MAX = 64
const VIOLATIONS_MAX = 64
const NANOS_OF_MS = 1_000_000
/** The longest Duration of protobuf: 10,000 years. */
const RETRY_DELAY_MS_MAX = 315_576_000_000_000

/** A detail of an error that has another type. */
export interface OtherDetail {
  /** The full name of the message type, for example `google.rpc.RetryInfo`. */
  readonly type: string
  readonly value: Uint8Array
}

/** The bytes of the header, or undefined for an error without a reason and details. Details that are too long are left out, the largest first. */
export function encodeStatusDetails(error: ServiceError): Uint8Array | undefined {
  const { reason, details } = error
  const anys: Uint8Array[] = []
  if (details !== undefined) addJson(anys, details)
  const violations = fieldViolationsOf(details)
  if (violations.length > 0) anys.push(encodeAny(BAD_REQUEST, encodeBadRequest(violations)))
  if (reason !== undefined) anys.push(encodeAny(ERROR_INFO, encodeErrorInfo(reason, details)))
  const retryDelayMs = retryDelayMsOf(details)
  if (retryDelayMs !== undefined) anys.push(encodeAny(RETRY_INFO, encodeRetryInfo(retryDelayMs)))
  if (anys.length === 0) return undefined
  for (;;) {
    const bytes = encodeStatus(error, anys)
    if (bytes.length <= DETAILS_BYTES_MAX || anys.length === 0) return bytes
    const largest = anys.reduce((left, right) => (right.length > left.length ? right : left))
    anys.splice(anys.indexOf(largest), 1)
  }
}

/** The error that a server of gRPC reported, with the details of the header if it has them. Bytes that are not a status are ignored. */
export function serviceErrorOf(
  status: Status,
  message: string,
  bytes: Uint8Array | undefined,
  cause?: unknown,
): ServiceError {
  const found = bytes === undefined ? undefined : decodeStatusDetails(bytes)
  return new ServiceError(status, message, { reason: found?.reason, details: found?.details, cause })
}

interface Decoded {
  reason: string | undefined
  details: unknown
}

/** Undefined: malformed. */
function decodeStatusDetails(bytes: Uint8Array): Decoded | undefined {
  let reason: string | undefined
  let json: { readonly details: unknown } | undefined
  let violations: FieldViolation[] | undefined
  let metadata: Record<string, string> | undefined
  const others: OtherDetail[] = []
  try {
    for (const { type, value } of anysOf(bytes)) {
      if (type === VALUE) json = { details: toJson(ValueSchema, fromBinary(ValueSchema, value)) }
      else if (type === BAD_REQUEST) violations = decodeBadRequest(value)
      else if (type === ERROR_INFO) ({ reason, metadata } = decodeErrorInfo(value))
      else others.push({ type, value })
    }
  } catch {
    // The status and the message of the error are known without them.
    return undefined
  }
  const known =
    violations === undefined && metadata === undefined
      ? undefined
      : { ...metadata, ...(violations === undefined ? {} : { fieldViolations: violations }) }
  if (json !== undefined) return { reason, ...json }
  return { reason, details: known ?? (others.length > 0 ? others : undefined) }
}

function encodeStatus(error: ServiceError, anys: readonly Uint8Array[]): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.Varint).int32(codeOfStatus(error.status))
  writer.tag(2, WireType.LengthDelimited).string(rawMessageOf(error))
  for (const any of anys) writer.tag(3, WireType.LengthDelimited).bytes(any)
  return writer.finish()
}

function encodeAny(type: string, value: Uint8Array): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.LengthDelimited).string(TYPE_URL + type)
  writer.tag(2, WireType.LengthDelimited).bytes(value)
  return writer.finish()
}

function anysOf(status: Uint8Array): OtherDetail[] {
  const anys: OtherDetail[] = []
  for (const [field, bytes] of fieldsOf(status)) {
    if (field !== 3 || bytes === undefined) continue
    if (anys.length >= DETAILS_MAX) break
    let type = ''
    let value: Uint8Array = new Uint8Array(0)
    for (const [inner, content] of fieldsOf(bytes)) {
      if (inner === 1 && content !== undefined) type = textOf(content).replace(/^.*\//s, '')
      if (inner === 2 && content !== undefined) value = content
    }
    anys.push({ type, value })
  }
  return anys
}

function encodeBadRequest(violations: readonly FieldViolation[]): Uint8Array {
  const writer = new BinaryWriter()
  for (const { field, description } of violations) {
    writer.tag(1, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.LengthDelimited).string(field)
    writer.tag(2, WireType.LengthDelimited).string(description).join()
  }
  return writer.finish()
}

function decodeBadRequest(value: Uint8Array): FieldViolation[] {
  const violations: FieldViolation[] = []
  for (const [field, bytes] of fieldsOf(value)) {
    if (field !== 1 || bytes === undefined || violations.length >= VIOLATIONS_MAX) continue
    const texts = ['', '', '']
    for (const [inner, content] of fieldsOf(bytes))
      if (inner < texts.length && content !== undefined) texts[inner] = textOf(content)
    violations.push({ field: texts[1] as string, description: texts[2] as string })
  }
  return violations
}

function encodeErrorInfo(reason: string, details: unknown): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.LengthDelimited).string(reason)
  writer.tag(2, WireType.LengthDelimited).string(DOMAIN)
  for (const [key, text] of textsOf(details)) {
    writer.tag(3, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.LengthDelimited).string(key)
    writer.tag(2, WireType.LengthDelimited).string(text).join()
  }
  return writer.finish()
}

function decodeErrorInfo(value: Uint8Array): {
  reason: string | undefined
  metadata: Record<string, string> | undefined
} {
  let reason: string | undefined
  const entries: [string, string][] = []
  for (const [field, bytes] of fieldsOf(value)) {
    if (bytes === undefined) continue
    if (field === 1) reason = textOf(bytes)
    if (field !== 3) continue
    const texts = ['', '', '']
    for (const [inner, content] of fieldsOf(bytes))
      if (inner < texts.length && content !== undefined) texts[inner] = textOf(content)
    entries.push([texts[1] as string, texts[2] as string])
  }
  return { reason, metadata: entries.length === 0 ? undefined : Object.fromEntries(entries) }
}

/** The metadata of ErrorInfo has texts only: members of the details with other values are in the JSON alone. */
function textsOf(details: unknown): [string, string][] {
  if (typeof details !== 'object' || details === null || Array.isArray(details)) return []
  return Object.entries(details).flatMap(([key, value]): [string, string][] =>
    ['string', 'number', 'boolean', 'bigint'].includes(typeof value) ? [[key, String(value)]] : [],
  )
}

function fieldViolationsOf(details: unknown): FieldViolation[] {
  const violations: unknown = (details as { fieldViolations?: unknown } | null | undefined)?.fieldViolations
  if (!Array.isArray(violations)) return []
  return violations
    .slice(0, VIOLATIONS_MAX)
    .filter(
      (violation: Partial<FieldViolation> | null | undefined): violation is FieldViolation =>
        typeof violation?.field === 'string' && typeof violation.description === 'string',
    )
}

/** The time after which a client may repeat the call. */
function encodeRetryInfo(retryDelayMs: number): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.LengthDelimited).fork()
  writer.tag(1, WireType.Varint).int64(Math.floor(retryDelayMs / 1_000))
  writer
    .tag(2, WireType.Varint)
    .int32(Math.floor((retryDelayMs % 1_000) * NANOS_OF_MS))
    .join()
  return writer.finish()
}

function retryDelayMsOf(details: unknown): number | undefined {
  const delay = (details as { retryDelayMs?: unknown } | null | undefined)?.retryDelayMs
  return typeof delay === 'number' && delay >= 0 && delay <= RETRY_DELAY_MS_MAX ? delay : undefined
}

/** Details without a JSON form, such as an object that contains itself, are left out. */
function addJson(anys: Uint8Array[], details: unknown): void {
  let value: Uint8Array
  try {
    const text = JSON.stringify(details, (_key, item: unknown) =>
      typeof item === 'bigint' ? String(item) : item,
    )
    value = toBinary(ValueSchema, fromJson(ValueSchema, JSON.parse(text)))
  } catch {
    return
  }
  anys.push(encodeAny(VALUE, value))
}

/** The fields of a message; those that are not length-delimited have no bytes. */
function* fieldsOf(bytes: Uint8Array): Generator<[field: number, bytes: Uint8Array | undefined]> {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (type === WireType.LengthDelimited) yield [field, reader.bytes()]
    else {
      reader.skip(type, field)
      yield [field, undefined]
    }
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}
