/** Handshakes at a time, enough to keep both processes busy. */
const AT_ONCE = 16

/** Opens further connections until there are `count`, the first one included. */
export async function openMany(first, connect, count) {
  const connections = [first]
  let begun = 1
  const worker = async () => {
    while (begun < count) {
      begun += 1
      connections.push(await connect())
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return connections
}
