// What the pages work with, once the daemon has it, and who asks.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Redis } from 'ioredis'
import type { Knex } from 'knex'
import type { Config } from '../config/config.ts'
import { ServiceError } from '../errors/errors.ts'
import type { ParsedMessage } from '../model/parsed-message.ts'
import type { Log } from '../observe/log.ts'
import type { Deps } from '../operations/deps.ts'
import type { Actor } from '../operations/operation.ts'
import type { Session, SessionLimits } from '../store/people/sessions.ts'
import type { RawStore } from '../store/raw/raw-store.ts'
import type { KeyPaths } from '../vault/keys/keyring.ts'
import type { OpenSecret } from '../vault/secrets/open-secret.ts'
import type { FirstAdmin } from './security/first-admin.ts'

export interface Site {
  config: Config
  db: Knex
  redis: Redis
  raw: RawStore
  keys: KeyPaths
  log: Log
  /** Lends an account's stored password or token. */
  openSecret: OpenSecret
  /** Those of people. */
  passwords: Deps['passwords']
  /** To try a mail server out. */
  openSession: Deps['openSession']
  /** In a thread, with a deadline. Throws MessageError. */
  parse(source: Uint8Array, account?: number): Promise<ParsedMessage>
  /** The HTML of messages, from their raw mail. */
  html: Deps['html']
  /** How mails become tickets. */
  triage: Awaited<ReturnType<Deps['triage']>>
  /** Lets somebody in who has the link of the first start; undefined where there is none. */
  firstAdmin: FirstAdmin | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Undefined while the daemon starts. */
    site: Site | undefined
  }
  interface FastifyRequest {
    /** Who is signed in; null: nobody. */
    session: Session | null
  }
}

/** Throws while the daemon starts, which is shown as such. */
export function siteOf(request: FastifyRequest): Site {
  const { site } = request.server
  if (site !== undefined) return site
  throw new ServiceError('web.starting', {}, { temporary: true })
}

/** Who is signed in, on a page that is not public. */
export function sessionOf(request: FastifyRequest): Session {
  if (request.session === null) throw new Error('a page that needs a session is answered without one')
  return request.session
}

/** What operations work with. */
export function depsOf(request: FastifyRequest): Deps {
  const { db, config, keys, redis, raw, parse, html, triage, openSecret, openSession, passwords } = siteOf(request)
  return {
    ...{ db, config, keys, openSecret, openSession, passwords, parse, html },
    raw: async () => raw,
    triage: async () => triage,
    withRedis: use => use(redis),
    say: () => {},
  }
}

/** Who asks, for operations. */
export function userActor(request: FastifyRequest): Actor {
  const { id, name, role } = sessionOf(request).user
  return { kind: 'user', id, name, role }
}

/** For the audit log. */
export function actorOf(request: FastifyRequest): string {
  return `${sessionOf(request).user.name} (web)`
}

export function limitsOf({ config }: Site): SessionLimits {
  return { idleHours: config.web.sessionIdleHours, days: config.web.sessionDays }
}

/** True where the browser speaks TLS, with us or with a trusted proxy. */
export function isSecure(request: FastifyRequest): boolean {
  return request.protocol === 'https'
}

export type Answer = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>
