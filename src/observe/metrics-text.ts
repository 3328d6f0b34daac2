import type {
  ChannelGroupFigures,
  EndedGatewayFigures,
  EndedMethodFigures,
  EndedSubscriptionFigures,
  GatewayFigures,
  QueueFigures,
  ServiceFigures,
  Snapshot,
  SubscriptionFigures,
} from './figures.js'
import { type Labels, MetricsWriter } from './metrics-writer.js'
import { snapshot } from './snapshot.js'

/** The content type of the metrics. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const MS = 1_000

/** The metrics of this thread and its process, in the text format of Prometheus: the body of an answer to `GET /metrics`. */
export function metricsText(): string {
  return textOf([snapshot()], false)
}

/** The metrics of several processes, which the labels `pid` and `thread` identify. */
export function metricsOfSnapshots(snapshots: readonly Snapshot[]): string {
  return textOf(snapshots, true)
}

function textOf(snapshots: readonly Snapshot[], labelled: boolean): string {
  const writer = new MetricsWriter()
  const newest = newestSequences(snapshots)
  for (const one of snapshots) {
    const { pid, threadId } = one.process
    addProcess(writer, labelled ? { pid } : {}, one)
    addRows(writer, labelled ? { pid, thread: threadId } : {}, one, newest)
  }
  const cut = snapshots.flatMap(({ omitted }) => Object.values(omitted))
  writer.addOmitted(cut.reduce((sum, count) => sum + count, 0))
  return writer.text()
}

/** The number of the newest message of each topic, by its epoch. */
export function newestSequences(snapshots: readonly Snapshot[]): ReadonlyMap<string, number> {
  return new Map(
    snapshots.flatMap(({ topics }) => topics.map(({ epoch, sequence }) => [epoch, sequence] as const)),
  )
}

/** Undefined: the topic is not among the snapshots. */
export function lagOf(
  { epoch, sequence }: SubscriptionFigures,
  newest: ReadonlyMap<string, number>,
): number | undefined {
  const last = newest.get(epoch)
  // The two snapshots are not of the same instant.
  return last === undefined ? undefined : Math.max(0, last - sequence)
}

function addProcess(writer: MetricsWriter, base: Labels, { process: figures }: Snapshot): void {
  const { title: program, nodeVersion: node } = figures
  writer.add('shmwire_process_info', { ...base, program, node }, 1)
  writer.add('shmwire_process_cpu_seconds_total', { ...base, mode: 'user' }, figures.cpuUserMs / MS)
  writer.add('shmwire_process_cpu_seconds_total', { ...base, mode: 'system' }, figures.cpuSystemMs / MS)
  writer.add('shmwire_process_start_time_seconds', base, figures.startedAtMs / MS)
  writer.add('shmwire_process_resident_memory_bytes', base, figures.residentBytes)
  writer.add('shmwire_process_open_descriptors', base, figures.openDescriptors)
  writer.add('shmwire_process_max_descriptors', base, figures.maxDescriptors)
}

function addRows(
  writer: MetricsWriter,
  base: Labels,
  one: Snapshot,
  newest: ReadonlyMap<string, number>,
): void {
  const { eventLoop, process: figures } = one
  writer.add('shmwire_process_heap_used_bytes', base, figures.heapUsedBytes)
  writer.add('shmwire_process_heap_size_bytes', base, figures.heapTotalBytes)
  writer.add('shmwire_process_external_memory_bytes', base, figures.externalBytes)
  writer.add('shmwire_event_loop_active_seconds_total', base, eventLoop.activeMs / MS)
  writer.add('shmwire_event_loop_idle_seconds_total', base, eventLoop.idleMs / MS)
  writer.histogram('shmwire_event_loop_delay_seconds', base, eventLoop.delay)
  for (const { address, transport, ...server } of one.servers) {
    const labels = { ...base, address, transport }
    writer.add('shmwire_server_start_time_seconds', labels, server.startedAtMs / MS)
    writer.add('shmwire_server_channels', labels, server.channelsOpen)
    writer.add('shmwire_server_handshakes', labels, server.handshakesOpen)
    writer.add('shmwire_server_handshakes_failed_total', labels, server.handshakesFailed)
    writer.add('shmwire_server_observers', labels, server.observers)
  }
  for (const group of one.channelGroups) addChannels(writer, base, group)
  for (const service of one.services) addService(writer, base, service)
  for (const { address, name, ...topic } of one.topics) {
    const labels = { ...base, address, name }
    writer.add('shmwire_topic_messages_published_total', labels, topic.sequence)
    writer.add('shmwire_topic_published_bytes_total', labels, topic.bytes)
    writer.add('shmwire_topic_subscribers', labels, topic.subscribers)
    writer.add('shmwire_topic_subscribers_dropped_total', labels, topic.disconnected)
    writer.add('shmwire_topic_wakes_sent_total', labels, topic.wakesSent)
  }
  for (const subscription of one.subscriptions) addSubscription(writer, base, subscription, newest)
  for (const { address, name, version, watchers } of one.cells) {
    writer.add('shmwire_cell_updates_total', { ...base, address, name }, version)
    writer.add('shmwire_cell_watchers', { ...base, address, name }, watchers)
  }
  for (const queue of one.queues) addQueue(writer, base, queue)
  for (const gateway of one.gateways) addGateway(writer, base, gateway)
  for (const method of one.endedMethods) addMethod(writer, base, method)
  for (const subscription of one.endedSubscriptions) addReceived(writer, base, subscription)
  for (const gateway of one.endedGateways) addRequests(writer, base, gateway)
}

function addChannels(writer: MetricsWriter, base: Labels, group: ChannelGroupFigures): void {
  const { role, address, transport, ended } = group
  const labels = { ...base, role, address, transport }
  writer.add('shmwire_channels', labels, group.open)
  writer.add('shmwire_channels_opened_total', labels, group.opened)
  for (const [reason, count] of Object.entries(ended))
    writer.add('shmwire_channels_ended_total', { ...labels, reason }, count)
  writer.add('shmwire_channel_messages_sent_total', labels, group.messagesSent)
  writer.add('shmwire_channel_sent_bytes_total', labels, group.bytesSent)
  writer.add('shmwire_channel_messages_received_total', labels, group.messagesReceived)
  writer.add('shmwire_channel_received_bytes_total', labels, group.bytesReceived)
  writer.add('shmwire_channel_wakes_sent_total', labels, group.wakesSent)
  writer.add('shmwire_channel_wakes_received_total', labels, group.wakesReceived)
  writer.add('shmwire_channel_spins_total', labels, group.spins)
  writer.add('shmwire_channel_full_waits_total', labels, group.fullWaits)
  writer.add('shmwire_channel_depth_bytes', labels, group.depthBytes)
  writer.add('shmwire_channel_high_water_bytes', labels, group.highWaterBytes)
  writer.add('shmwire_channel_outbox_records', labels, group.outboxRecords)
  writer.add('shmwire_channel_outbox_bytes', labels, group.outboxBytes)
  writer.add('shmwire_channel_requests_open', labels, group.requestsOpen)
  writer.add('shmwire_channel_requests_running', labels, group.requestsRunning)
}

function addService(
  writer: MetricsWriter,
  base: Labels,
  { address, service, methods }: ServiceFigures,
): void {
  for (const figures of methods) {
    addMethod(writer, base, { address, service, ...figures })
    const labels = { ...base, address, service, method: figures.method }
    writer.add('shmwire_service_calls_running', labels, figures.running)
  }
}

function addMethod(
  writer: MetricsWriter,
  base: Labels,
  { address, service, method, errors, latency }: EndedMethodFigures,
): void {
  const labels = { ...base, address, service, method }
  writer.histogram('shmwire_service_call_duration_seconds', labels, latency)
  writer.add('shmwire_service_call_errors_total', labels, errors)
}

function addSubscription(
  writer: MetricsWriter,
  base: Labels,
  subscription: SubscriptionFigures,
  newest: ReadonlyMap<string, number>,
): void {
  addReceived(writer, base, subscription)
  const { address, name } = subscription
  writer.add('shmwire_subscription_lag_messages', { ...base, address, name }, lagOf(subscription, newest))
}

function addReceived(
  writer: MetricsWriter,
  base: Labels,
  { address, name, received, lost, filtered }: EndedSubscriptionFigures,
): void {
  const labels = { ...base, address, name }
  writer.add('shmwire_subscription_messages_received_total', labels, received)
  writer.add('shmwire_subscription_messages_lost_total', labels, lost)
  writer.add('shmwire_subscription_messages_filtered_total', labels, filtered)
}

function addQueue(writer: MetricsWriter, base: Labels, { address, name, ...queue }: QueueFigures): void {
  const labels = { ...base, address, name }
  for (const state of ['waiting', 'delayed', 'leased', 'dead'] as const)
    writer.add('shmwire_queue_jobs', { ...labels, state }, queue[state])
  writer.add('shmwire_queue_bytes', labels, queue.bytes)
  writer.add('shmwire_queue_workers', labels, queue.workers)
  writer.add('shmwire_queue_jobs_pushed_total', labels, queue.pushed)
  writer.add('shmwire_queue_jobs_completed_total', labels, queue.completed)
  writer.add('shmwire_queue_jobs_failed_total', labels, queue.failed)
  writer.add('shmwire_queue_jobs_redelivered_total', labels, queue.redelivered)
  writer.add('shmwire_queue_dead_jobs_dropped_total', labels, queue.deadDropped)
}

function addGateway(writer: MetricsWriter, base: Labels, figures: GatewayFigures): void {
  addRequests(writer, base, figures)
  const { gateway, address, running, streams } = figures
  const labels = { ...base, gateway, address }
  writer.add('shmwire_gateway_requests_running', labels, running)
  writer.add('shmwire_gateway_streams', labels, streams)
}

function addRequests(
  writer: MetricsWriter,
  base: Labels,
  { gateway, address, clientErrors, serverErrors, latency }: EndedGatewayFigures,
): void {
  const labels = { ...base, gateway, address }
  writer.histogram('shmwire_gateway_request_duration_seconds', labels, latency)
  writer.add('shmwire_gateway_errors_total', { ...labels, side: 'client' }, clientErrors)
  writer.add('shmwire_gateway_errors_total', { ...labels, side: 'server' }, serverErrors)
}
