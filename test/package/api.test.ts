import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { resolveOptions } from '../../src/options.js'
import { ensureBuilt } from '../support/build.js'
import { type Declaration, type Member, readDeclarations } from '../support/declarations.js'
import { ROOT, readDocument } from '../support/documents.js'

/** The prefixes of members in headings. Members of other types have no prefix. */
const PREFIXES: Readonly<Record<string, string>> = {
  AttachedServer: 'attached.',
  AttachedTunnels: 'attached.',
  BirpcTransport: 'transport.',
  CallContext: 'context.',
  Metadata: 'metadata.',
  RunningService: 'service.',
  ServiceError: 'error.',
  BinaryEncoding: 'encoding.',
  CallStream: 'stream.',
  Channel: 'channel.',
  ChannelAgent: 'agent.',
  ChannelCodec: 'channelCodec.',
  ChannelPort: 'port.',
  ChannelSocket: 'socket.',
  ChannelStats: 'stats.',
  Claim: 'claim.',
  Codec: 'codec.',
  Connector: 'connector.',
  Contract: 'contract.',
  Contracts: 'contracts.',
  EncodedMessage: 'encodedMessage.',
  ErrorReport: 'report.',
  GrpcGateway: 'gateway.',
  HttpBinding: 'binding.',
  Instrumentation: 'instrumentation.',
  Logger: 'logger.',
  MessageType: 'type.',
  Method: 'method.',
  MethodDefinition: 'definition.',
  Peer: 'peer.',
  Policy: 'policy.',
  ProtoContract: 'contract.',
  ProtoMethod: 'method.',
  RequestContext: 'context.',
  RestServer: 'server.',
  Retry: 'retry.',
  Server: 'server.',
  ServerChange: 'change.',
  ServerInfo: 'info.',
  ServerWatcher: 'watcher.',
  AnnouncedService: 'service.',
  ShmwireError: 'error.',
  Topic: 'topic.',
  TopicClient: 'client.',
  TopicStats: 'stats.',
  Subscription: 'subscription.',
  SubscriptionStats: 'stats.',
  MessageInfo: 'info.',
  Cell: 'cell.',
  CellWatch: 'watch.',
  ValueInfo: 'info.',
  Queue: 'queue.',
  QueueClient: 'queue.',
  QueueStats: 'stats.',
  DeadJob: 'dead.',
  PushedJob: 'pushed.',
  JobContext: 'context.',
  Worker: 'worker.',
  QueueBinding: 'binding.',
  Engine: 'engine.',
  TopicEngine: 'engine.',
  CellEngine: 'engine.',
  QueueEngine: 'engine.',
  TopicBridge: 'bridge.',
  BridgeStats: 'stats.',
  Bulkhead: 'bulkhead.',
  ChannelPool: 'pool.',
  CircuitBreaker: 'breaker.',
  CircuitChange: 'change.',
  Clock: 'clock.',
  HedgeInterceptor: 'hedge.',
  LoadShedding: 'shedding.',
  PooledAddress: 'pooled.',
  RetriedCall: 'retried.',
  RetryBudget: 'budget.',
  RetryInterceptor: 'retry.',
  Shutdown: 'shutdown.',
  ShutdownResult: 'result.',
  MessagePayload: 'payload.',
  FallbackPayload: 'payload.',
  PeerGonePayload: 'payload.',
  BackgroundErrorPayload: 'payload.',
  ConnectPayload: 'payload.',
  ClientCallPayload: 'payload.',
  ServiceCallPayload: 'payload.',
  PublishPayload: 'payload.',
  DeliveryPayload: 'payload.',
  PushPayload: 'payload.',
  TakePayload: 'payload.',
  GatewayRequestPayload: 'payload.',
  Snapshot: 'snapshot.',
}

const ADAPTERS = ['http', 'port', 'stream'].map((name) => `dist/adapter/${name}.d.ts`)
const ENTRIES = [
  'dist/index.d.ts',
  'dist/engine/nats/index.d.ts',
  'dist/gateway/auth/index.d.ts',
  'dist/gateway/grpc/index.d.ts',
  'dist/gateway/rest/index.d.ts',
  'dist/gateway/ws/index.d.ts',
  'dist/resilience/index.d.ts',
  'dist/observe/index.d.ts',
  'dist/observe/otel/index.d.ts',
  'dist/service/proto/index.d.ts',
  'dist/testing/index.d.ts',
  ...ADAPTERS,
].map((file) => join(ROOT, file))

interface Section {
  readonly heading: string
  readonly entries: readonly { readonly heading: string; readonly text: string }[]
}

const sections: readonly Section[] = readDocument('docs/api.md')
  .split(/^## /m)
  .slice(1)
  .map((text) => {
    const [head = '', ...entries] = text.split(/^### /m)
    return {
      heading: headingOf(head),
      entries: entries.map((entry) => ({ heading: headingOf(entry), text: entry })),
    }
  })

let declarations: Map<string, Declaration>

beforeAll(() => {
  ensureBuilt()
  declarations = readDeclarations(ENTRIES)
})

describe('docs/api.md', () => {
  it('has a section for each public name, with its signature, and no other section', () => {
    const expected = [...declarations.values()].map(({ name, kind, signature, members }) =>
      members.length > 0 || kind === 'const' || name === 'ErrorCode' ? name : signature,
    )
    expect(sections.map(({ heading }) => heading).toSorted()).toEqual([...new Set(expected)].toSorted())
  })

  it('has an entry for each member of a public type, with its signature, and no other entry', () => {
    const expected = [...declarations.values()].flatMap((one) =>
      one.members
        .filter((member) => !isInherited(one, member))
        .map((member) => `${one.name}: ${entryOf(one, member)}`),
    )
    expect(expected.length).toBeGreaterThan(80)
    const found = sections.flatMap(({ heading, entries }) =>
      heading === 'ErrorCode' ? [] : entries.map((entry) => `${heading}: ${entry.heading}`),
    )
    expect(found.toSorted()).toEqual(expected.toSorted())
  })

  it('has an entry for each error code, and no other', () => {
    const section = sections.find(({ heading }) => heading === 'ErrorCode')
    expect(section?.entries.map(({ heading }) => heading)).toEqual(Object.values(ErrorCode))
  })

  it('has the default of each option', () => {
    const options = sections.find(({ heading }) => heading === 'ChannelOptions')?.entries ?? []
    // The default depends on the heap.
    const { maxDecodedBytes: _, ...settings } = resolveOptions()
    const fixed = options.filter(({ heading }) => !heading.startsWith('maxDecodedBytes'))
    const shown = fixed.map(({ heading, text }) => [
      heading.split(':')[0],
      /Default: (?:`([^`]*)`|none)/.exec(text)?.[1]?.replaceAll("'", '"'),
    ])
    const defaults = Object.entries(settings).map(([name, value]) => [name, JSON.stringify(value)])
    expect(shown).toEqual(defaults)
  })

  it('describes each entry', () => {
    const silent = sections.flatMap(({ entries }) =>
      entries.filter(({ text }) => !text.trim().includes('\n')),
    )
    expect(silent).toEqual([])
  })
})

/** A heading without its code marks. */
function headingOf(text: string): string {
  return text.split('\n', 1).join('').replaceAll('`', '').trim()
}

function entryOf({ name }: Declaration, { name: member, signature }: Member): string {
  if (name.endsWith('Events')) return `Event: '${member}'`
  const prefix = PREFIXES[name] ?? ''
  return member.startsWith('[') ? `${prefix.replace(/\.$/, '')}${signature}` : `${prefix}${signature}`
}

/** An override of a method that every emitter has. */
function isInherited({ kind }: Declaration, { name }: Member): boolean {
  return kind === 'class' && name in EventEmitter.prototype
}
