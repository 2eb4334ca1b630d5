// PURE. Every code with its words: title, explanation, advice and remedies. A code is added here, in the list of its subject, and only when
// somebody acts differently on it; the unions of codes, docs/errors.md and all surfaces follow from it.
import { encryptionEntries } from './encryption.ts'
import type { Entry, Params } from './entry.ts'
import { accountEntries, messageEntries } from './mail.ts'
import { operationEntries } from './operations.ts'
import { serviceEntries } from './service.ts'

export const catalogue = {
  ...messageEntries,
  ...accountEntries,
  ...serviceEntries,
  ...encryptionEntries,
  ...operationEntries,
}

export type MessageErrorCode = keyof typeof messageEntries
export type AccountErrorCode = keyof typeof accountEntries
export type ServiceErrorCode = keyof typeof serviceEntries | 'encryption.state_forged'
/** What is wrong with the keys of this host, or waits for somebody. */
export type EncryptionCode =
  | keyof typeof encryptionEntries
  | 'vault.destination_changed'
  | 'vault.key_missing'
  | 'vault.tampered'
  | 'vault.unsupported_version'
export type OperationErrorCode = keyof typeof operationEntries
export type Code = keyof typeof catalogue

/** The values that a code is told with. */
export type ParamsOf<C extends Code> = (typeof catalogue)[C] extends Entry<infer P> ? P : never

/** A code with its values: whatever can be put into words. Errors are failures, and so are problems that nobody throws. */
export interface Failure<C extends string = string> {
  readonly code: C
  readonly params: Params
}

/** A code and its own parameters, as an argument list: the compiler checks that they belong together. */
export type Told<C extends Code, Rest extends unknown[] = []> = C extends C
  ? [code: C, params: ParamsOf<C>, ...rest: Rest]
  : never

/** A failure that is no error. */
export function toFailure<C extends Code>(...[code, params]: Told<C>): Failure<C> {
  return { code: code as C, params: params as Params }
}

export function isCode(text: string): text is Code {
  return Object.hasOwn(catalogue, text)
}

export function entryOf(code: Code): Entry<Params> {
  return catalogue[code] as unknown as Entry<Params>
}
