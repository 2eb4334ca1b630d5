// docs/reference/metrics.md: what /metrics tells, from the registry of the daemon.
import pino from 'pino'
import { createEvents } from '../../src/observe/events.ts'

/** What prom-client keeps beyond its published types. */
interface Metric {
  name: string
  help: string
  type: string
  labelNames: string[]
}

export function metricsPage(): string {
  const { registry } = createEvents(pino({ enabled: false }))
  const metrics = registry.getMetricsAsArray() as unknown as Metric[]
  return [
    '# Metrics',
    '',
    '`GET /metrics` on the address of `web.listen`, in the text format of Prometheus. [When mail is fetched](../polling.md) says which to watch.',
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
