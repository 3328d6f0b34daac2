export const ID_BYTES_MAX = 255
const ID = /^[^\p{Cc}\p{Cs}]+$/u

/** Whether the text can be the id of a job. */
export function isJobId(id: string): boolean {
  return id.length <= ID_BYTES_MAX && ID.test(id) && Buffer.byteLength(id) <= ID_BYTES_MAX
}
