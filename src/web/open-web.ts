// Keeps the web interface open. An address that is taken, or a certificate that cannot be read, is no reason to leave mail unread:
// it is tried again until it works, and `/ready` and the log say what is wrong.
import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import type { Config } from '../config/config.ts'
import { ServiceError } from '../errors/errors.ts'
import type { Health } from '../observe/health.ts'
import { openServer } from './server.ts'
import type { Site } from './site.ts'

export interface WebInterface extends AsyncDisposable {
  /** What the pages work with, once the daemon has it. */
  site: Site | undefined
  /** `host:port` that it listens on, or as configured while it cannot. */
  address(): string
}

const againMs = 5_000

/** Opens the listener, now or as soon as it can be had. */
export async function openWeb(web: Config['web'], health: Health, registry: Registry): Promise<WebInterface> {
  if (web.listen === 'none') return withoutListener
  const stop = new AbortController()
  let server: (FastifyInstance & AsyncDisposable) | undefined
  let site: Site | undefined
  const tryOnce = async (): Promise<void> => {
    try {
      server = await openServer(web, health, registry)
      server.site = site
      health.mend('web')
    } catch (error) {
      if (!(error instanceof ServiceError && error.temporary)) throw error
      health.fail('web', error)
    }
  }
  await tryOnce()
  const keepTrying = async (): Promise<void> => {
    while (server === undefined) {
      await wait(againMs, undefined, { signal: stop.signal })
      await tryOnce()
    }
  }
  const trying = keepTrying().catch(error => {
    if (!stop.signal.aborted) health.fail('web', error)
  })
  return {
    get site() {
      return site
    },
    set site(value) {
      site = value
      if (server !== undefined) server.site = value
    },
    address: () => (server === undefined ? web.listen : addressOf(server)),
    async [Symbol.asyncDispose]() {
      stop.abort()
      await trying
      await server?.[Symbol.asyncDispose]()
    },
  }
}

/** Further workers on a host leave the pages to the first. */
const withoutListener: WebInterface = {
  site: undefined,
  address: () => 'none',
  async [Symbol.asyncDispose]() {},
}

function addressOf(server: FastifyInstance): string {
  const [first] = server.addresses()
  if (first === undefined || typeof first === 'string') return first ?? ''
  return first.family === 'IPv6' ? `[${first.address}]:${first.port}` : `${first.address}:${first.port}`
}
