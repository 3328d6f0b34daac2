/** The bytes that a sender may queue before it must stop: as much as shmwire's ring holds by default. */
export const PENDING_BYTES_MAX = 1024 * 1024
/** From this size on, a baseline may keep the message's memory instead of copying it (see baselines/baseline.d.ts). */
export const KEPT_BYTES_MIN = 16 * 1024
