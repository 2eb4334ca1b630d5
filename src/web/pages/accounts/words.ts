// PURE. What is said of accounts on pages: states, and why no mail comes in.
import { isCode } from '../../../errors/catalogue.ts'
import { hintForPage, type PageHint } from '../../../errors/hints.ts'
import { visible } from '../../../foreign-text.ts'
import type { AccountState, AccountView } from '../../../store/accounts/accounts.ts'
import type { Cause } from '../../../store/accounts/poll-results.ts'
import type { Tone } from '../../layout/parts.ts'

export const stateTones: Readonly<Record<AccountState, Tone>> = {
  active: 'good',
  failing: 'bad',
  waiting: 'warn',
  paused: 'plain',
}

/** What a state means. */
export const stateWords: Readonly<Record<AccountState, string>> = {
  active: 'receiving mail',
  failing: 'not receiving mail; it retries automatically',
  waiting: 'not receiving mail until the problem is fixed',
  paused: 'paused by an admin',
}

/** `45 s`, `12 min`, `3 h` or `2 days`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`
  return `${Math.floor(seconds / 86_400)} days`
}

/**
 * Why no mail comes in, and what to do. Of a row that an older version wrote only the code is known; a code that this version does not know
 * has the words that came with it. The row may be anybody's: nothing of it turns the direction of writing.
 */
export function causeHint({ id, code, hint }: AccountView, cause: Cause | undefined): PageHint {
  if (code === null || !isCode(code)) return { text: visible(hint ?? ''), links: [], commands: [] }
  try {
    return shown(hintForPage({ code, params: { ...cause?.params, account: id } }, { account: id }))
  } catch {
    // Values of another shape than the code has.
    return shown(hintForPage({ code, params: { account: id } }, { account: id }))
  }
}

function shown({ text, links, commands }: PageHint): PageHint {
  return {
    text: visible(text),
    links,
    commands: commands.map(({ words, command }) => ({ words, command: visible(command) })),
  }
}
