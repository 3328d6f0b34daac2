import { ErrorCode, ShmwireError } from '../../errors.js'

type Transport = typeof import('@nats-io/transport-node')
type JetStream = typeof import('@nats-io/jetstream')
type KeyValue = typeof import('@nats-io/kv')

/** The optional peers of `shmwire/nats`. */
export interface NatsPackages {
  readonly transport: Transport
  readonly jetstream: JetStream
  readonly kv: KeyValue
}

/** Rejects with `UNAVAILABLE` if one of the packages is not installed. */
export async function loadNatsPackages(): Promise<NatsPackages> {
  try {
    const [transport, jetstream, kv] = await Promise.all([
      import('@nats-io/transport-node'),
      import('@nats-io/jetstream'),
      import('@nats-io/kv'),
    ])
    return { transport, jetstream, kv }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new ShmwireError(
      ErrorCode.UNAVAILABLE,
      'jetStream needs the packages @nats-io/transport-node, @nats-io/jetstream and @nats-io/kv (version 3.4); ' +
        'run: npm install @nats-io/transport-node @nats-io/jetstream @nats-io/kv',
      { cause },
    )
  }
}
