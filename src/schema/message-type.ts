/**
 * The type of the messages of a method in one direction. `Sent` is the type of what a program sends, and `Received` of what the program
 * at the other end gets.
 */
// biome-ignore lint/suspicious/noExplicitAny: a contract that is loaded at run time has no types
export interface MessageType<Sent = any, Received = any> {
  /** For the compiler only: it is never set. */
  readonly types?: TypesOfMessage<Sent, Received> | undefined
  /** True for a missing `input` or `output`: the message is `undefined`, whatever the program passes or returns. */
  readonly empty: boolean
  /** Loads what `parse` needs. Until then, `parse` of such a type returns a promise. Rejects with `UNAVAILABLE` or `INVALID_ARGUMENT`. */
  prepare?(): Promise<void>
  /**
   * Checks one message in the process of the service. Returns a message for a handler, which can have defaults that the sender left out.
   * Returns a message of a handler unchanged. Throws or rejects with the error of `invalidMessage`.
   */
  parse(value: unknown): unknown
  /** The message that the caller gets for one that arrived. Absent: the same one. Throws the error of `invalidMessage`. */
  receive?(value: unknown): unknown
  /** The encoding of gateways, which pass the bytes of a message undecoded. Absent: the type has no such encoding. */
  readonly binary?: BinaryEncoding
  /** Draft 2020-12. Absent or undefined if the type cannot be described so. */
  jsonSchema?(): Readonly<Record<string, unknown>> | undefined
  /** A JSON value from which the hash of the contract is made. Absent: the JSON Schema. */
  description?(): unknown
}

interface TypesOfMessage<Sent, Received> {
  readonly sent: Sent
  readonly received: Received
}

/** The binary encoding of a type of messages. */
export interface BinaryEncoding {
  /** Checks the form of the message, and returns a message for a program. Throws the error of `invalidMessage`. */
  decode(bytes: Uint8Array): unknown
  /** Checks the rest of what `parse` checks, for a handler that gets a decoded message. Absent: nothing is left to check. */
  check?(message: unknown): unknown
  /** Checks the form of the message. */
  encode(value: unknown): Uint8Array
}
