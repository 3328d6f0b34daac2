import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { METRICS } from '../../src/observe/metric-table.js'
import { ROOT, readDocument } from '../support/documents.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const RULES = 'docs/observability/alert-rules.yml'
const DASHBOARD = 'docs/observability/grafana-dashboard.json'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string }[]
}

const hasPromtool = spawnSync('promtool', ['--version']).status === 0
if (!hasPromtool) console.log('skipped: apt-get install prometheus: the program promtool is missing')
const rules: readonly { readonly alert: string; readonly expr: string }[] = parse(readDocument(RULES))
  .groups[0].rules
const { panels }: { panels: readonly Panel[] } = JSON.parse(readDocument(DASHBOARD))
const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

/** The series of a metric of a histogram have suffixes. */
const SERIES = new Set(
  Object.entries(METRICS).flatMap(([name, { type }]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
)

function unknownIn(text: string): string[] {
  return (text.match(/\bshmwire_\w+/g) ?? []).filter((name) => !SERIES.has(name))
}

function promtool(...args: string[]): unknown {
  const { status, stderr } = spawnSync('promtool', args, { encoding: 'utf8' })
  return { status, stderr }
}

describe('the alert rules', () => {
  it('use metrics that exist', () => {
    expect(rules.length).toBeGreaterThan(10)
    expect(rules.flatMap(({ expr }) => unknownIn(expr))).toEqual([])
    for (const { alert, expr } of rules) expect(expr, alert).toContain('shmwire_')
  })

  it.skipIf(!hasPromtool)('are correct', () => {
    expect(promtool('check', 'rules', join(ROOT, RULES))).toEqual({ status: 0, stderr: '' })
  })

  it.skipIf(!hasPromtool)('fire when a queue has no worker, and when calls fail', () => {
    const file = join(temporaryDirectory(), 'test.yml')
    const labels = 'address="jobs",name="mail"'
    const method = 'address="users",service="S",method="m"'
    const series = [
      [`shmwire_queue_jobs{${labels},state="waiting"}`, '5x20'],
      [`shmwire_queue_workers{${labels}}`, '0x20'],
      [`shmwire_service_call_duration_seconds_count{${method}}`, '0+100x20'],
      [`shmwire_service_call_errors_total{${method}}`, '0+10x20'],
      ['shmwire_queue_jobs{address="served",name="mail",state="waiting"}', '5x20'],
      ['shmwire_queue_workers{address="served",name="mail"}', '1x20'],
    ].map(([name, values]) => ({ series: name, values }))
    const fires = (alertname: string, changes: object) => ({
      eval_time: '15m',
      alertname,
      exp_alerts: [changes],
    })
    const test = {
      rule_files: [join(ROOT, RULES)],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: series,
          alert_rule_test: [
            fires('ShmwireQueueWithoutWorkers', {
              exp_labels: { severity: 'critical', address: 'jobs', name: 'mail', state: 'waiting' },
              exp_annotations: {
                summary: 'Jobs of the queue jobs mail wait, and there is no worker',
                description: '5 jobs wait.',
              },
            }),
            fires('ShmwireCallsFail', {
              exp_labels: { severity: 'warning', address: 'users', service: 'S', method: 'm' },
              exp_annotations: {
                summary: 'More than 5 % of the calls of S/m fail',
                description: '166.7m calls a second fail.',
              },
            }),
            { eval_time: '15m', alertname: 'ShmwireMessagesLost', exp_alerts: [] },
          ],
        },
      ],
    }
    // YAML contains JSON.
    writeFileSync(file, JSON.stringify(test))
    expect(promtool('test', 'rules', file)).toEqual({ status: 0, stderr: '' })
  })
})

describe('the dashboard', () => {
  it('uses metrics that exist', () => {
    expect(queries.length).toBeGreaterThan(30)
    expect(queries.flatMap(unknownIn)).toEqual([])
  })

  it.skipIf(!hasPromtool)('has correct queries', () => {
    const file = join(temporaryDirectory(), 'queries.yml')
    const all = queries.map((expr, index) => ({
      record: `query:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
    }))
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules: all }] }))
    expect(promtool('check', 'rules', file)).toEqual({ status: 0, stderr: '' })
  })

  it('has panels that do not overlap, each with an id and a description', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = new Set<string>()
    for (const { title, type, description, gridPos } of panels) {
      if (type !== 'row') expect(description, title).toBeTruthy()
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(cells.has(`${x} ${y}`), title).toBe(false)
          cells.add(`${x} ${y}`)
          expect(x).toBeLessThan(24)
        }
    }
  })
})

describe('docs/observability.md', () => {
  it('explains each metric, with its type and help, and no other', () => {
    const text = readDocument('docs/observability.md')
    for (const [name, { type, help }] of Object.entries(METRICS))
      expect(text).toContain(`| \`${name}\` | ${type} | ${help} |`)
    expect((text.match(/`shmwire_\w+`/g) ?? []).map((name) => name.replaceAll('`', ''))).toEqual(
      Object.keys(METRICS),
    )
  })
})
