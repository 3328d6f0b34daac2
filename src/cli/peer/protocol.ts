/** The first byte of a message to the other process of `doctor` and `bench`. */
export const Purpose = {
  /** The other process sends the message back. */
  ECHO: 1,
  /** The other process only counts it. A request is answered with the number of these, as a text. */
  COUNT: 2,
} as const

/** The reports of the other process over the channel of `child_process.fork`. */
export type PeerReport = { readonly listening: true } | { readonly error: string }
