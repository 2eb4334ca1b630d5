// The figures of the process: processor time, memory, open files, delay of the event loop, collected at each scrape.
import { collectDefaultMetrics, type Registry } from 'prom-client'

/** Gauges that are named as only counters may be; promtool objects, and the same figures come by type under other names. */
const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

/** Adds `process_…` and `nodejs_…` to the registry. */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 20 })
  for (const name of misnamed) registry.removeSingleMetric(name)
}
