// The listener: plugins, limits, TLS, and everything that is answered. Health and metrics answer from the first moment, pages once the
// daemon has what they work with (`server.site`).
import { readFileSync, statSync } from 'node:fs'
import cookie from '@fastify/cookie'
import formbody from '@fastify/formbody'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Registry } from 'prom-client'
import type { Config } from '../config/config.ts'
import { listOf } from '../config/schema.ts'
import { ServiceError } from '../errors/errors.ts'
import type { Health } from '../observe/health.ts'
import { addAssets } from './assets.ts'
import { addFailures, failurePage } from './failures.ts'
import { addProbes } from './probes.ts'
import { addRoutes } from './security/access.ts'
import { connectionLimit, limitConnections } from './security/connection-limit.ts'
import { addCsrf } from './security/csrf.ts'
import { createHostCheck } from './security/hosts.ts'
import { networkOf } from './security/network.ts'
import type { Site } from './site.ts'

type Web = Config['web']

/** Opens the listener. Throws `web.unavailable` (temporary) where the address cannot be had, or the certificate not read. */
export async function openServer(
  web: Web,
  health: Health,
  registry: Registry,
): Promise<FastifyInstance & AsyncDisposable> {
  const server = createServer(web)
  server.decorate('site', undefined as Site | undefined)
  addProbes(server, health, registry)
  await addPages(server, web)
  try {
    await listen(server, web.listen)
  } catch (error) {
    await server.close()
    throw error
  }
  const certificates = web.tlsCertFile === '' ? undefined : renewCertificates(server, web, health)
  return Object.assign(server, {
    [Symbol.asyncDispose]: async () => {
      clearInterval(certificates)
      await server.close()
    },
  })
}

function createServer(web: Web): FastifyInstance {
  const proxies = listOf(web.trustedProxies)
  const options = {
    logger: false,
    bodyLimit: 65_536,
    requestTimeout: 30_000,
    keepAliveTimeout: 30_000,
    connectionTimeout: silenceMs,
    forceCloseConnections: true,
    trustProxy: proxies.length === 0 ? false : proxies,
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 200 },
  } as const
  const server = web.tlsCertFile === '' ? fastify({ ...options, http: timeouts }) : createTlsServer(options, web)
  limitConnections(server.server, connectionLimit())
  return server
}

/** Whoever connects says within this time what for. */
const headersMs = 10_000
const timeouts = { headersTimeout: headersMs, connectionsCheckingInterval: 2_000 }
/** Longer than any page takes. A page that is open (live.ts) hears something more often. */
const silenceMs = 120_000

function createTlsServer(options: FastifyServerOptions, web: Web): FastifyInstance {
  try {
    const https = { ...timeouts, handshakeTimeout: headersMs, ...readCertificate(web) }
    return fastify({ ...options, https } as FastifyServerOptions)
  } catch (error) {
    throw toCertificateError(error, web)
  }
}

/** Nothing is loaded from elsewhere, nothing in the page itself is run or styled, and no other site frames it. */
const policy = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'"],
  connectSrc: ["'self'"],
  frameSrc: ["'self'"],
  formAction: ["'self'"],
  baseUri: ["'none'"],
  frameAncestors: ["'none'"],
}

/** For one network (one address of IPv4); a browser takes three requests for its first page. Guessing passwords has limits of its own (throttle.ts). */
const requestsPerMinute = 3_000
const probes: readonly (string | undefined)[] = ['/live', '/ready', '/metrics']

async function addPages(server: FastifyInstance, web: Web): Promise<void> {
  const isKnown = createHostCheck(web)
  // A long page is encoded once: its length would be counted by encoding it, too.
  server.addHook('onSend', async (_request, _reply, payload) =>
    typeof payload === 'string' ? Buffer.from(payload) : payload,
  )
  server.addHook('onRequest', async (request, reply) => {
    if (isKnown(request.host ?? '') || probes.includes(request.routeOptions.url)) return undefined
    return reply.send(await failurePage(reply, 421))
  })
  await server.register(rateLimit, {
    max: requestsPerMinute,
    timeWindow: 60_000,
    keyGenerator: request => networkOf(request.ip),
    allowList: request => probes.includes(request.routeOptions.url),
    addHeadersOnExceeding: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
  })
  await server.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: policy },
    // `no-referrer` would make the browser hide from us, too, where a form comes from.
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: web.tlsCertFile === '' && web.trustedProxies === '' ? false : { includeSubDomains: false },
  })
  await server.register(cookie)
  server.removeAllContentTypeParsers()
  await server.register(formbody)
  await addCsrf(server)
  addFailures(server)
  await addAssets(server)
  addRoutes(server)
}

async function listen(server: FastifyInstance, address: string): Promise<void> {
  const at = address.lastIndexOf(':')
  const host = address.slice(0, at).replace(/^\[|\]$/g, '')
  try {
    await server.listen({ host, port: Number(address.slice(at + 1)) })
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'address_in_use' : 'address_unusable'
    throw new ServiceError('web.unavailable', { reason, address }, { temporary: true, cause })
  }
}

function readCertificate({ tlsCertFile, tlsKeyFile }: Web): { cert: Buffer; key: Buffer } {
  const read = (file: string): Buffer => {
    try {
      return readFileSync(file)
    } catch (cause) {
      throw new ServiceError('web.unavailable', { reason: 'file_unreadable', file }, { temporary: true, cause })
    }
  }
  return { cert: read(tlsCertFile), key: read(tlsKeyFile) }
}

const lookForCertificatesMs = 60_000

/** A renewed certificate is used from the next connection on; one that cannot be read leaves the old in use, and `/ready` says so. */
function renewCertificates(server: FastifyInstance, web: Web, health: Health): NodeJS.Timeout {
  const stampOf = (): string => [web.tlsCertFile, web.tlsKeyFile].map(file => statSync(file).mtimeMs).join()
  let used = ''
  let failed = false
  const look = (): void => {
    try {
      const now = stampOf()
      if (now !== used) (server.server as unknown as import('node:https').Server).setSecureContext(readCertificate(web))
      used = now
      if (failed) health.mend('web')
      failed = false
    } catch (error) {
      // At first half of the pair may be written: the next look finds both.
      if (failed) health.fail('web', toCertificateError(error, web))
      failed = true
    }
  }
  return setInterval(look, lookForCertificatesMs).unref()
}

function toCertificateError(cause: unknown, web: Web): ServiceError {
  if (cause instanceof ServiceError) return cause
  const params = { reason: 'certificate_unusable', file: web.tlsCertFile } as const
  return new ServiceError('web.unavailable', params, { temporary: true, cause })
}
