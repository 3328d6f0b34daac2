/** The optional parts of the protocol, as HELLO and OFFER list them (docs/protocol.md). A side uses a part only if the peer lists it. */
export const Feature = {
  /** Records of calls: kinds 16 to 21. */
  CALLS: 'calls',
  /** The member `relayed` of HELLO: a server accepts clients behind a gateway, and knows that they are not of its machine. */
  RELAYED: 'relayed',
} as const

/** Those of this version. */
export const FEATURES: readonly string[] = [Feature.CALLS, Feature.RELAYED]
