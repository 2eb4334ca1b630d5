// A mailbox's secret, lent to a callback and wiped after it. Wiping is best effort: the IMAP library needs a string, and
// strings of the language cannot be overwritten; nothing keeps one longer than the login.
import { inspect } from 'node:util'
import type { Knex } from 'knex'
import { AccountError, type AccountErrorCode } from '../errors.ts'
import { findCredential } from '../store/credentials.ts'
import { type ImapDestination, imapDestination, type Opened, open } from './envelope.ts'
import type { Keyring } from './keyring.ts'

/** A secret that prints as `[secret]` wherever it is printed by mistake. */
export class Secret {
  readonly password: Buffer

  constructor(password: Buffer) {
    this.password = password
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
}

export type OpenSecret = (account: SecretUse) => Promise<Secret>

/** Opens the secret, lends it to `use`, and wipes it whatever happens. */
export async function withSecret<T>(
  account: SecretUse,
  open: OpenSecret,
  use: (secret: Secret) => Promise<T>,
): Promise<T> {
  const secret = await open(account)
  try {
    return await use(secret)
  } finally {
    secret.password.fill(0)
  }
}

/**
 * Reads secrets from `credentials`: the plaintext where there is one, since it is newer, else what is sealed. Throws AccountError
 * `account.password_missing` or `vault.*`; then nothing was asked of any server.
 */
export function openStored(db: Knex, ring: () => Keyring): OpenSecret {
  return async account => {
    const row = await findCredential(db, account.id, 'password')
    if (row?.plaintext && row.plaintext.length > 0) return new Secret(row.plaintext)
    if (row?.sealed) return openSealed(account, row.sealed, ring())
    throw new AccountError('account.password_missing', `account ${account.id} has no password`, {
      temporary: false,
      hint: `store one with \`letterlock account set ${account.id} --password-stdin\``,
    })
  }
}

function openSealed(account: SecretUse, sealed: Buffer, ring: Keyring): Secret {
  const opened = open(ring.find, { table: 'credentials', kind: 'password', accountId: account.id }, sealed)
  if (opened.end !== 'ok') throw refusals[opened.end](account.id, opened)
  if (opened.destination.equals(imapDestination(account.destination))) return new Secret(opened.secret)
  opened.secret.fill(0)
  throw refusals['destination-changed'](account.id)
}

type Refusal = Exclude<Opened['end'], 'ok'> | 'destination-changed'

/** Why a sealed password is not lent; the account waits, and its server is left alone. */
const refusals: Record<Refusal, (id: number, opened?: Opened) => AccountError> = {
  'key-missing': (id, opened) =>
    refusal(
      'vault.key_missing',
      `the password of account ${id} is sealed, and the key ${opened?.end === 'key-missing' ? opened.keyHex : ''} is not here`,
      'put the key file back; `letterlock encryption status` says where and which',
    ),
  tampered: id =>
    refusal(
      'vault.tampered',
      `the sealed password of account ${id} was changed, or is another account's`,
      `set it again with \`letterlock account set ${id} --ask-password\``,
    ),
  'unsupported-version': id =>
    refusal(
      'vault.unsupported_version',
      `the password of account ${id} is sealed in a way that this version does not know`,
      `upgrade letterlock, or set it again with \`letterlock account set ${id} --ask-password\``,
    ),
  'destination-changed': id =>
    refusal(
      'vault.destination_changed',
      `host, port, security, user name or CA of account ${id} are not those that its password was sealed for`,
      `set the password again with \`letterlock account set ${id} --ask-password\`, or, if the change is right, run \`letterlock encryption accept-destination ${id}\` on the server`,
    ),
}

function refusal(code: AccountErrorCode, message: string, hint: string): AccountError {
  return new AccountError(code, message, { temporary: false, hint })
}
