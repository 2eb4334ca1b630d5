// PURE. What the catalogue says of one code, and the few words that its entries share.
import type { Remedy } from './remedy.ts'

export type Param = string | number | boolean | readonly string[] | readonly number[]

/** The values an error is about: ids, limits, hosts, paths, names of mailboxes. Never a secret, an address or mail text: they are logged. */
export type Params = Readonly<Record<string, Param | undefined>>

export interface Entry<P> {
  /** A noun phrase. */
  title: string
  /**
   * What happened, to which thing: a clause that begins in lower case and has no full stop. It names no command and no page. Where
   * `account` is left out, the reader looks at the account already.
   */
  explain(params: P): string
  /** What else there is to know or to do, in sentences that fit every surface. */
  advise?(params: P): string
  /** What a person can do about it; the first is the usual one. */
  remedies?(params: P): readonly Remedy[]
  /** Of a refused operation, as HTTP has it: 404 no such thing, 409 not in this state (the default), 422 the input is wrong. */
  status?: 404 | 409 | 422
  /** One for each cause that has words of its own: docs/errors.md and the tests show them. */
  examples: readonly [P, ...P[]]
}

/** Has the type of the parameters follow from how the entry is written. */
export function entry<P extends Params>(entry: Entry<P>): Entry<P> {
  return entry
}

/** What stands before a clause about an account; an account that is not saved yet has no id, or 0. */
export function at(account: number | undefined): string {
  return account ? `account ${account}: ` : ''
}

/** Remedies that need the id of a saved account. */
export function forAccount(
  account: number | undefined,
  remedies: (account: number) => readonly Remedy[],
): readonly Remedy[] {
  return account ? remedies(account) : []
}

/** With a capital letter and a full stop; `` where there is nothing. */
export function sentence(text: string): string {
  return text === '' ? '' : `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}

/** `account 4`, `accounts 4, 7` or `accounts 4, 7 and 12 more`. */
export function accountsNamed(ids: readonly number[], more = 0): string {
  const rest = more > 0 ? ` and ${more} more` : ''
  return `${ids.length + more === 1 ? 'account' : 'accounts'} ${ids.join(', ')}${rest}`
}
