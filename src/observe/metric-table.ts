/** The metrics, as docs/observability.md explains them. Names and units follow https://prometheus.io/docs/practices/naming/. */

export interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** How two rows with the same labels become one. Default: their sum. */
  readonly merge?: 'max' | undefined
}

const counter = (help: string): Metric => ({ type: 'counter', help })
const gauge = (help: string): Metric => ({ type: 'gauge', help })
const maximum = (help: string): Metric => ({ type: 'gauge', help, merge: 'max' })
/** Two copies of the package in one process or thread report the same time. */
const ofHost = (help: string): Metric => ({ type: 'counter', help, merge: 'max' })
const histogram = (help: string): Metric => ({ type: 'histogram', help })

export const METRICS = {
  shmwire_process_info: maximum('Always 1. The labels state the version of Node.js and the program.'),
  shmwire_process_cpu_seconds_total: ofHost('CPU time of the process, by mode.'),
  shmwire_process_start_time_seconds: maximum('When the process started, in seconds since 1970.'),
  shmwire_process_resident_memory_bytes: maximum('Physical memory of the process.'),
  shmwire_process_heap_used_bytes: maximum('JavaScript heap in use, of the thread that answered.'),
  shmwire_process_heap_size_bytes: maximum('JavaScript heap that is reserved, of the thread that answered.'),
  shmwire_process_external_memory_bytes: maximum(
    'Memory of buffers and C++ objects, of the thread that answered.',
  ),
  shmwire_process_open_descriptors: maximum('Open file descriptors of the process.'),
  shmwire_process_max_descriptors: maximum('The most file descriptors that the process may open.'),

  shmwire_event_loop_active_seconds_total: ofHost('Time in which the event loop ran code.'),
  shmwire_event_loop_idle_seconds_total: ofHost('Time in which the event loop waited.'),
  shmwire_event_loop_delay_seconds: histogram(
    'By how much timers were late. Measured only while programs read metrics.',
  ),

  shmwire_server_start_time_seconds: maximum('When the server began to listen, in seconds since 1970.'),
  shmwire_server_channels: gauge('Open channels of the server.'),
  shmwire_server_handshakes: gauge('Clients that connect now.'),
  shmwire_server_handshakes_failed_total: counter(
    'Clients that were refused, or failed while they connected.',
  ),
  shmwire_server_observers: gauge(
    'Connections of programs that watch the server, without those that read its metrics.',
  ),

  shmwire_channels: gauge('Open channels.'),
  shmwire_channels_opened_total: counter('Channels that were opened.'),
  shmwire_channels_ended_total: counter(
    'Channels that have ended, by reason: "closed" in order, or the code of the error.',
  ),
  shmwire_channel_messages_sent_total: counter('Messages, requests and replies that were sent.'),
  shmwire_channel_sent_bytes_total: counter('Bytes of the messages that were sent.'),
  shmwire_channel_messages_received_total: counter('Messages, requests and replies that arrived.'),
  shmwire_channel_received_bytes_total: counter('Bytes of the messages that arrived.'),
  shmwire_channel_wakes_sent_total: counter('Times this side woke the peer.'),
  shmwire_channel_wakes_received_total: counter('Times the peer woke this side.'),
  shmwire_channel_spins_total: counter('Turns of polling that found nothing.'),
  shmwire_channel_full_waits_total: counter('Times a write found no room.'),
  shmwire_channel_depth_bytes: gauge('Bytes that were written and that the peer has not read yet.'),
  shmwire_channel_high_water_bytes: maximum('The largest depth of one channel since the start.'),
  shmwire_channel_outbox_records: gauge('Records that wait for room.'),
  shmwire_channel_outbox_bytes: gauge('Memory of the records that wait for room.'),
  shmwire_channel_requests_open: gauge('Own requests that the peer has not answered yet.'),
  shmwire_channel_requests_running: gauge('Requests of the peer that are being answered.'),

  shmwire_service_call_duration_seconds: histogram('From the arrival of a call to its answer.'),
  shmwire_service_call_errors_total: counter('Calls that ended with an error, cancelled ones included.'),
  shmwire_service_calls_running: gauge('Calls that run now, open streams included.'),

  shmwire_topic_messages_published_total: counter('Messages that the topic has published.'),
  shmwire_topic_published_bytes_total: counter('Bytes of the messages that the topic has published.'),
  shmwire_topic_subscribers: gauge('Subscribers of the topic.'),
  shmwire_topic_subscribers_dropped_total: counter(
    'Subscribers that were disconnected because they were too slow.',
  ),
  shmwire_topic_wakes_sent_total: counter('Times the topic woke a subscriber.'),

  shmwire_subscription_messages_received_total: counter('Messages that subscriptions delivered.'),
  shmwire_subscription_messages_lost_total: counter(
    'Messages that subscriptions lost because they were too slow.',
  ),
  shmwire_subscription_messages_filtered_total: counter('Messages whose key did not match.'),
  shmwire_subscription_lag_messages: maximum(
    'Messages that the topic has published and the subscription has not read. Only if both are read together.',
  ),

  shmwire_cell_updates_total: counter('Values that were set.'),
  shmwire_cell_watchers: gauge('Watchers of the cell.'),

  shmwire_queue_jobs: gauge('Jobs in the queue, by state: waiting, delayed, leased, dead.'),
  shmwire_queue_bytes: gauge('Memory of the jobs in the queue.'),
  shmwire_queue_workers: gauge('Workers of the queue.'),
  shmwire_queue_jobs_pushed_total: counter('Jobs that were pushed.'),
  shmwire_queue_jobs_completed_total: counter('Jobs that were done.'),
  shmwire_queue_jobs_failed_total: counter('Attempts that failed.'),
  shmwire_queue_jobs_redelivered_total: counter('Jobs that were given to a worker again.'),
  shmwire_queue_dead_jobs_dropped_total: counter(
    'Dead jobs that left the queue because there were too many.',
  ),

  shmwire_gateway_request_duration_seconds: histogram(
    'From the arrival of a request to the end of its answer.',
  ),
  shmwire_gateway_requests_running: gauge('Requests that are answered now, streams included.'),
  shmwire_gateway_streams: gauge('Open streams.'),
  shmwire_gateway_errors_total: counter('Requests that failed, by the side that caused it: client, server.'),

  shmwire_snapshot_omitted_rows: gauge(
    'Rows and series that are missing in these metrics, because there were too many.',
  ),
} as const satisfies Readonly<Record<string, Metric>>

export type MetricName = keyof typeof METRICS
