import { type Channel, type Codec, connect, ErrorCode, ShmwireError } from 'shmwire'
import { type ChannelPairOptions, createChannelPair } from 'shmwire/testing'

const upperCase: Codec = {
  name: 'upper-case',
  encode: (value: unknown) => Buffer.from(String(value).toUpperCase()),
  decode: (bytes: Buffer) => bytes.toString(),
}

export async function ask(name: string, question: unknown): Promise<unknown> {
  const channel: Channel = await connect(name, { codec: upperCase, timeoutMs: 1000 })
  try {
    return await channel.request(question, { signal: AbortSignal.timeout(1000) })
  } catch (error) {
    if (error instanceof ShmwireError && error.code === ErrorCode.TIMEOUT) return undefined
    throw error
  } finally {
    await channel.close()
  }
}

export function pair(options: ChannelPairOptions = { codec: upperCase }): [Channel, Channel] {
  return createChannelPair(options)
}
