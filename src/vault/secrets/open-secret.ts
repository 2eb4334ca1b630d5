// A mailbox's secret, a password or an access token, lent to a callback and wiped after it. Wiping is best effort: the IMAP library needs a string, and
// strings of the language cannot be overwritten; nothing keeps one longer than the login.

import { inspect } from 'node:util'
import type { Knex } from 'knex'
import type { Told } from '../../errors/catalogue.ts'
import { AccountError, type AccountErrorCode } from '../../errors/errors.ts'
import type { SecretWord } from '../../errors/mail.ts'
import type { OAuthClient, SecretKind } from '../../model/destination.ts'
import { faultOfDestination } from '../../store/accounts/account-settings.ts'
import { findCredential } from '../../store/secrets/credential-rows.ts'
import { toShortageError } from '../keys/key-file.ts'
import type { Keyring } from '../keys/keyring.ts'
import { destinationOf, type ImapDestination, keyHexOf, type Opened, open } from './envelope.ts'
import { secretWords } from './write-secret.ts'

/** A secret that prints as `[secret]` wherever it is printed by mistake. */
export class Secret {
  readonly kind: 'password' | 'token'
  readonly value: Buffer
  /** Of a token: forgets it, and says whether it was kept from an earlier login, so that a new one may be taken. */
  readonly drop: () => boolean

  constructor(kind: 'password' | 'token', value: Buffer, drop: () => boolean = () => false) {
    this.kind = kind
    this.value = value
    this.drop = drop
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}

/** Whose secret is wanted, and what for: the very object that is dialled with it. */
export interface SecretUse {
  id: number
  destination: ImapDestination
  /** What its access tokens come from; null or absent: it signs in with a password. */
  oauth?: OAuthClient | null
}

export type OpenSecret = (account: SecretUse) => Promise<Secret>

/**
 * Opens the secret, lends it to `use`, and wipes it whatever happens. A token that the server refuses is dropped; was it an old one, a
 * new one is tried once.
 */
export async function withSecret<T>(
  account: SecretUse,
  open: OpenSecret,
  use: (secret: Secret) => Promise<T>,
): Promise<T> {
  for (let again = true; ; again = false) {
    const secret = await open(account)
    try {
      refuseFaulty(account)
      return await use(secret)
    } catch (error) {
      if (secret.kind !== 'token' || !isRefused(error)) throw error
      if (!secret.drop() || !again) throw tokenRefused(account.id, error)
    } finally {
      secret.value.fill(0)
    }
  }
}

/** A host or a user name that cannot be shown as it is came past all commands and pages: nothing is sent there. */
function refuseFaulty({ id, destination, oauth = null }: SecretUse): void {
  const fault = faultOfDestination({ ...destination, oauth })
  if (fault === undefined) return
  throw new AccountError('account.misconfigured', { account: id, ...fault }, { temporary: false })
}

function isRefused(error: unknown): error is AccountError {
  return error instanceof AccountError && error.code === 'imap.auth_refused'
}

function tokenRefused(id: number, cause: AccountError): AccountError {
  const error = new AccountError('oauth.token_refused', { account: id }, { temporary: false, cause })
  error.said = cause.said
  return error
}

/** Passwords from `credentials`. Throws AccountError `account.password_missing` or `vault.*`; then nothing was asked of any server. */
export function openStored(db: Knex, ring: () => Keyring): OpenSecret {
  return async account => {
    const password = await readStored(db, ring(), account, 'password')
    if (password !== undefined) return new Secret('password', password)
    throw new AccountError('account.password_missing', { account: account.id }, { temporary: false })
  }
}

/**
 * A secret of this kind: the plaintext where there is one, since it is newer, else what is sealed; undefined where there is none. The
 * caller wipes it. Throws AccountError `vault.*`.
 */
export async function readStored(
  db: Knex,
  ring: Keyring,
  account: SecretUse,
  kind: SecretKind,
): Promise<Buffer | undefined> {
  const row = await findCredential(db, account.id, kind)
  if (row?.plaintext && row.plaintext.length > 0) return row.plaintext
  return row?.sealed ? openSealed(account, kind, row.sealed, ring) : undefined
}

function openSealed(account: SecretUse, kind: SecretKind, sealed: Buffer, ring: Keyring): Buffer {
  const { id, destination, oauth = null } = account
  const opened = open(ring.find, { table: 'credentials', kind, accountId: id }, sealed)
  // A key that could not be looked for is not told as missing.
  if (opened.end === 'key-missing' && !ring.isWhole) throw toShortageError(ring.keyPaths.file)
  if (opened.end !== 'ok') throw refusal(opened.end, { account: id, secret: secretWords[kind] }, keyHexOf(sealed))
  if (opened.destination.equals(destinationOf(kind, destination, oauth))) return opened.secret
  opened.secret.fill(0)
  throw refusal('destination-changed', { account: id, secret: secretWords[kind] })
}

const refusals = {
  tampered: 'vault.tampered',
  'unsupported-version': 'vault.unsupported_version',
  'destination-changed': 'vault.destination_changed',
} as const

/** Why a sealed secret is not lent; the account waits, and its server is left alone. */
function refusal(
  end: Exclude<Opened['end'], 'ok'> | 'destination-changed',
  about: { account: number; secret: SecretWord },
  keyId?: string,
): AccountError {
  if (end !== 'key-missing')
    return new AccountError(...([refusals[end], about] as Told<AccountErrorCode>), { temporary: false })
  return new AccountError(
    'vault.key_missing',
    { ...about, ...(keyId === undefined ? {} : { keyId }) },
    { temporary: false },
  )
}
