// A provider is asked for an access token, but for a while not again where it said so or did not answer.

import { AccountError } from '../../errors/errors.ts'
import type { OAuthClient } from '../../model/destination.ts'
import type { Grant, Refresh } from './token-endpoint.ts'

interface Hold {
  until: number
  error: AccountError
}

export interface Asking {
  refresh: Refresh
  now: () => number
  /** Until when a provider asked not to be asked again for an account. */
  holds: Map<number, Hold>
  /** Token endpoints that did not answer: those who wait in line are told so at once, and hold up no poll of another account. */
  down: Map<string, Hold>
}

/** As `refreshAccessToken`; throws what was thrown before while the provider is not to be asked. */
export async function askProvider(
  { refresh, holds, down, now }: Asking,
  account: { id: number; oauth: OAuthClient },
  secrets: Parameters<Refresh>[2],
): Promise<Grant> {
  const { tokenEndpoint } = account.oauth
  const hold = holds.get(account.id)
  if (hold !== undefined && now() < hold.until) throw hold.error.again(hold.until - now())
  holds.delete(account.id)
  const silent = down.get(tokenEndpoint)
  if (silent !== undefined && now() < silent.until) throw silent.error.again(undefined)
  down.delete(tokenEndpoint)
  try {
    return await refresh(account.id, account.oauth, secrets)
  } catch (error) {
    if (!(error instanceof AccountError)) throw error
    if (error.retryAfterMs !== undefined) holds.set(account.id, { until: now() + error.retryAfterMs, error })
    if (error.code === 'oauth.unreachable') down.set(tokenEndpoint, { until: now() + downForMs, error })
    throw error
  }
}

const downForMs = 10_000
