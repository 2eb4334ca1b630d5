// The alert rules and the dashboard that ship: valid by Prometheus' own tool, each alert fires and clears, and every figure in them is one that
// the daemon has.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pino from 'pino'
import { expect, test } from 'vitest'
import { createEvents } from '../../src/observe/events.ts'
import { createGauges } from '../../src/observe/gauges.ts'
import { collectProcessMetrics } from '../../src/observe/process-metrics.ts'
import { type AlertCase, alertCases } from './alerts.ts'
import { findPromtool } from './promtool.ts'

const folder = path.resolve(import.meta.dirname, '../../config/monitoring')
const rulesFile = path.join(folder, 'letterlock.rules.yml')
const rules = readFileSync(rulesFile, 'utf8')
const dashboard = JSON.parse(readFileSync(path.join(folder, 'letterlock.dashboard.json'), 'utf8'))
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name)
const promtool = await findPromtool()

/** Names of all series that /metrics may have. */
function knownSeries(): Set<string> {
  const { registry } = createEvents(pino({ enabled: false }))
  createGauges(registry, { problems: () => [] })
  collectProcessMetrics(registry)
  const metrics = registry.getMetricsAsArray() as unknown as { name: string; type: string }[]
  const names = metrics.flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  )
  // What the plugin writes for node_exporter.
  return new Set([...names, 'letterlock_up'])
}

function seriesIn(text: string): string[] {
  return [...text.matchAll(/\b(?:letterlock|nodejs|process)_[a-z0-9_]+\b/g)].map(([name]) => name)
}

test('every alert has its case', () => {
  expect(Object.keys(alertCases).toSorted()).toEqual(alerts.toSorted())
})

test('every figure in the rules, the dashboard and the cases exists', () => {
  const known = knownSeries()
  const targets = JSON.stringify(dashboard.panels.map((panel: { targets?: object[] }) => panel.targets ?? []))
  const expressions = rules.replace(/^ *(#|action:|summary:).*$/gm, '')
  const used = [expressions, targets, JSON.stringify(alertCases)].flatMap(seriesIn)
  expect(used.length).toBeGreaterThan(60)
  expect([...new Set(used)].filter(name => !known.has(name))).toEqual([])
})

test('the dashboard has a panel for every group of figures, each with an expression and a unit', () => {
  const panels: { type: string; title: string; targets: { expr: string }[]; gridPos: object }[] = dashboard.panels
  const charts = panels.filter(({ type }) => type !== 'row')
  expect(charts.length).toBeGreaterThan(10)
  expect(charts.filter(({ targets, title, gridPos }) => !targets?.length || !title || !gridPos)).toEqual([])
})

test.runIf(promtool)('the rules are valid', () => {
  expect(promtool?.(['check', 'rules', rulesFile])).toContain(`SUCCESS: ${alerts.length} rules found`)
})

/** For promtool: cases of one step, since a file has one interval of evaluation. */
function toTestFile(every: number, cases: readonly (AlertCase & { alert: string })[]): object {
  return {
    rule_files: [rulesFile],
    evaluation_interval: `${every}m`,
    tests: cases.map(({ alert, series, fires, clears }) => ({
      name: alert,
      interval: `${every}m`,
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      promql_expr_test: [[fires, 1] as const, [clears, 0] as const].map(([step, value]) => ({
        expr: `vector(1) and on () ALERTS{alertname="${alert}",alertstate="firing"} or vector(0)`,
        eval_time: `${step * every}m`,
        exp_samples: [{ labels: '{}', value }],
      })),
    })),
  }
}

test.runIf(promtool)(
  'every alert fires, and clears again',
  () => {
    const cases = Object.entries(alertCases).flatMap(([alert, some]) => some.map(one => ({ alert, ...one })))
    const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-rules-'))
    try {
      const files = [...Map.groupBy(cases, ({ every }) => every)].map(([every, some]) => {
        // YAML, of which JSON is a part.
        const file = path.join(directory, `every-${every}.yml`)
        writeFileSync(file, JSON.stringify(toTestFile(every, some)))
        return file
      })
      promtool?.(['test', 'rules', ...files])
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
  60_000,
)
