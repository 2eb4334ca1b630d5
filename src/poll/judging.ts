// How mails are judged, from the settings and the installation's secret for ticket tokens.
import type { Config } from '../config.ts'
import type { Kind } from '../parse/parsed-message.ts'
import { createTokens } from '../thread/token.ts'
import type { Judging } from './ingest-batch.ts'

/** `secret`: undefined while its key is away; then no token proves anything. */
export function toJudging(config: Pick<Config, 'thread' | 'hold'>, secret: Buffer | undefined): Judging {
  const tokens = secret === undefined ? undefined : createTokens(secret)
  const opening = config.thread.opening.split(',').map(kind => kind.trim() as Kind)
  return {
    thread: { closed: config.thread.closed, opening: new Set(opening) },
    hold: { ticketsPerHour: config.hold.ticketsPerHour, sameSubject: config.hold.sameSubject },
    verifyToken: token => tokens?.verify(token),
  }
}
