/** The colours of the page and of the picture. A test checks their contrast. */
import type { MonitorRowKind } from '../frame.js'

export interface Palette {
  readonly background: string
  readonly surface: string
  readonly border: string
  readonly text: string
  readonly muted: string
  readonly accent: string
  readonly warning: string
  readonly good: string
}

export const LIGHT: Palette = {
  background: '#f4f6f9',
  surface: '#ffffff',
  border: '#d3dae3',
  text: '#16202c',
  muted: '#556171',
  accent: '#0b5fd0',
  warning: '#b42318',
  good: '#15803d',
}

export const DARK: Palette = {
  background: '#0d1218',
  surface: '#161d26',
  border: '#2f3a48',
  text: '#e7edf4',
  muted: '#9dabba',
  accent: '#6cb2ff',
  warning: '#ff8274',
  good: '#4ade80',
}

type Pair = readonly [light: string, dark: string]

const TRANSPORTS: Readonly<Record<string, Pair>> = {
  shm: ['#0f766e', '#2dd4bf'],
  unix: ['#6d28d9', '#b49bff'],
  pipe: ['#6d28d9', '#b49bff'],
  tcp: ['#a84a06', '#fbb040'],
  tls: ['#a84a06', '#fbb040'],
}
const OTHER_TRANSPORT: Pair = ['#475569', '#94a3b8']

const KINDS: Readonly<Record<MonitorRowKind, Pair>> = {
  channel: OTHER_TRANSPORT,
  service: ['#0b5fd0', '#6cb2ff'],
  topic: ['#7c2fb8', '#d29bff'],
  subscription: ['#7c2fb8', '#d29bff'],
  cell: ['#15803d', '#4ade80'],
  queue: ['#a84a06', '#fbb040'],
  gateway: ['#b8246b', '#ff8cc0'],
}

export function transportColour(transport: string, palette: Palette): string {
  const pair = Object.hasOwn(TRANSPORTS, transport) ? TRANSPORTS[transport] : undefined
  return shade(pair ?? OTHER_TRANSPORT, palette)
}

export function kindColour(kind: MonitorRowKind, palette: Palette): string {
  return shade(KINDS[kind], palette)
}

/** Of the charts. */
export function seriesColour(palette: Palette): string {
  return palette.accent
}

function shade([light, dark]: Pair, palette: Palette): string {
  return palette === DARK ? dark : light
}
