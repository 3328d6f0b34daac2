import { ErrorCode, ShmwireError } from '../../../errors.js'
import type { EngineConnection } from '../connection.js'
import type { Names } from '../names.js'
import { ensureStream, findStream, nanosOf, type StreamInfo } from '../streams.js'

const DESCRIPTION_VERSION = 1
/** The server knows the ids of messages for so long. */
export const DEDUP_WINDOW_MS = 120_000

/** Subjects of the messages of a topic. Words of a key are words of the subject, so that other programs can filter by it. */
export const Part = {
  WITHOUT_KEY: 'm',
  WITH_KEY: 'k',
  /** Not a subject of the stream: the publisher has closed the topic. */
  ENDED: 'ended',
} as const

export function whatOfTopic(name: string): string {
  return `the topic ${JSON.stringify(name)}`
}

export function subjectOf(names: Names, name: string, key: string | undefined): string {
  return names.subject('topic', name, key === undefined ? Part.WITHOUT_KEY : `${Part.WITH_KEY}.${key}`)
}

/** The key of a message. The subject is that of the server, which has matched it with the subjects of the stream. */
export function keyOf(names: Names, name: string, subject: string): string | undefined {
  const prefix = names.subject('topic', name, `${Part.WITH_KEY}.`)
  return subject.startsWith(prefix) ? subject.slice(prefix.length) : undefined
}

/** A stream keeps its messages when its publisher ends, so its creation begins the epoch. */
export function epochOf({ created }: StreamInfo): string {
  return created
}

/** Creates the stream of a topic, or uses the one that exists. */
export async function createTopicStream(
  connection: EngineConnection,
  name: string,
  codec: string,
  maxBytes: number,
): Promise<StreamInfo> {
  const { names } = connection.settings
  const what = whatOfTopic(name)
  const stream = names.stream('topic', name)
  const found = await findStream(connection, stream, what)
  if (found !== undefined) assertCodec(found, codec, what)
  const config = {
    name: stream,
    subjects: [subjectOf(names, name, undefined), subjectOf(names, name, '>')],
    retention: 'limits' as const,
    discard: 'old' as const,
    max_bytes: maxBytes,
    duplicate_window: nanosOf(DEDUP_WINDOW_MS),
    description: JSON.stringify({ shmwire: DESCRIPTION_VERSION, codec }),
  }
  return ensureStream(connection, config, what)
}

/** Rejects with `NOT_LISTENING` if there is no such topic. */
export async function openTopicStream(
  connection: EngineConnection,
  name: string,
  codec: string,
): Promise<StreamInfo> {
  const what = whatOfTopic(name)
  const found = await findStream(connection, connection.settings.names.stream('topic', name), what)
  if (found === undefined)
    throw new ShmwireError(
      ErrorCode.NOT_LISTENING,
      `there is no topic ${JSON.stringify(name)}; create it with createTopic`,
    )
  assertCodec(found, codec, what)
  return found
}

/** The description is input: any program with the permission can change it. */
function assertCodec({ config }: StreamInfo, codec: string, what: string): void {
  let value: { shmwire?: unknown; codec?: unknown } | null
  try {
    value = JSON.parse(config.description ?? '')
  } catch {
    value = null
  }
  if (value?.shmwire !== DESCRIPTION_VERSION || typeof value.codec !== 'string')
    throw new ShmwireError(
      ErrorCode.CORRUPT,
      `${what}: the stream ${config.name} was not created by createTopic; choose another prefix`,
    )
  if (value.codec === codec) return
  throw new ShmwireError(
    ErrorCode.INVALID_ARGUMENT,
    `${what} uses the codec ${JSON.stringify(value.codec)}, and this side ${JSON.stringify(codec)}; pass the same option codec on both sides`,
  )
}
