/** Variables of tests that repeat something many thousand times. Each wake-up of wine takes ten times longer. */
export const WINE_ROUNDS = { SHMWIRE_EXCHANGES: '2000', SHMWIRE_SOAK_MESSAGES: '100000' }

/** The same for qemu, which is ten times slower in everything. */
export const QEMU_ROUNDS = { SHMWIRE_EXCHANGES: '2000', SHMWIRE_SOAK_MESSAGES: '20000' }
