// What a service manager and a monitor ask: /live (the process answers), /ready (it can work, or the reasons why not), /metrics.
import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import type { Health } from '../observe/health.ts'

export function addProbes(server: FastifyInstance, health: Health, registry: Registry): void {
  server.get('/live', async () => ({ live: true }))
  server.get('/ready', async (_request, reply) => {
    const problems = health.problems()
    if (problems.length > 0) reply.code(503)
    return { ready: problems.length === 0, problems }
  })
  server.get('/metrics', async (_request, reply) => {
    reply.type(registry.contentType)
    return await registry.metrics()
  })
}
