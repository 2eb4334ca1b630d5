// The listener on loopback.
import fastify, { type FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import { ServiceError } from '../errors.ts'
import type { Health } from '../health.ts'
import { addProbes } from './probes.ts'

/** Opens the listener (`host:port`). Throws `config.invalid` where the address cannot be had. */
export async function openServer(
  listen: string,
  health: Health,
  registry: Registry,
): Promise<FastifyInstance & AsyncDisposable> {
  const server = fastify({ logger: false, bodyLimit: 65_536, requestTimeout: 30_000, forceCloseConnections: true })
  addProbes(server, health, registry)
  const at = listen.lastIndexOf(':')
  const host = listen.slice(0, at).replace(/^\[|\]$/g, '')
  try {
    await server.listen({ host, port: Number(listen.slice(at + 1)) })
  } catch (cause) {
    const why =
      (cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'is in use by another program' : 'cannot be listened on'
    throw new ServiceError('config.invalid', `the address ${listen} ${why}`, {
      temporary: false,
      hint: 'is another letterlock running? Otherwise set web.listen (LETTERLOCK_WEB_LISTEN) to another port',
      cause,
    })
  }
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.close() })
}
