// How mails are judged, from the settings and the installation's secret for ticket tokens.
import type { Config } from '../../config/config.ts'
import type { Kind } from '../../model/parsed-message.ts'
import { createTokens } from '../../thread/token.ts'
import type { TriagePolicy } from './ingest-batch.ts'

/**
 * `openSecret`: undefined while its key is away; then the one that was opened last goes on being used, and without one no token proves
 * anything. It is asked for again with each batch that has tokens, because a lost key brings a new secret.
 */
export function createTriagePolicy(
  config: Pick<Config, 'thread' | 'hold'>,
  openSecret: () => Promise<Buffer | undefined>,
): TriagePolicy {
  let last: Buffer | undefined
  return {
    ...triageSettings(config),
    async openTokens() {
      last = (await openSecret()) ?? last
      return last === undefined ? undefined : createTokens(last)
    },
  }
}

/** The part that settings decide, for a running daemon to take over. */
export function triageSettings({
  thread,
  hold,
}: Pick<Config, 'thread' | 'hold'>): Pick<TriagePolicy, 'thread' | 'hold'> {
  const opening = thread.opening.split(',').map(kind => kind.trim() as Kind)
  return {
    thread: {
      closed: thread.closed,
      opening: new Set(opening),
      requester: thread.requester,
      senderCheck: thread.senderCheck,
    },
    hold: { ticketsPerHour: hold.ticketsPerHour, sameSubject: hold.sameSubject },
  }
}
