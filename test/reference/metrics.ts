// docs/reference/metrics.md: what /metrics tells, from the registry of the daemon.
import pino from 'pino'
import { createEvents } from '../../src/observe/events.ts'
import { createGauges } from '../../src/observe/gauges.ts'

/** What prom-client keeps beyond its published types. */
interface Metric {
  name: string
  help: string
  type: string
  labelNames: string[]
}

export function metricsPage(): string {
  const { registry } = createEvents(pino({ enabled: false }))
  createGauges(registry, { problems: () => [] })
  const metrics = registry.getMetricsAsArray() as unknown as Metric[]
  return [
    '# Metrics',
    '',
    '`GET /metrics` on the address of `web.listen`, in the text format of Prometheus. [Monitoring](../monitoring.md) has the alerts that use them.',
    '',
    'The usual figures of a Node process (`process_…`, `nodejs_…`) are there as well: processor time, memory, open files, delay of the event loop.',
    '',
    '| metric | type | labels | what it counts |',
    '|---|---|---|---|',
    ...metrics
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, type, labelNames, help }) => {
        const labels = labelNames.map(label => `\`${label}\``).join(', ')
        return `| \`${name}\` | ${type} | ${labels} | ${help} |`
      }),
    '',
  ].join('\n')
}
