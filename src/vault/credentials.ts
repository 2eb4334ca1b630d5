// A mailbox's secret, lent to a callback and wiped after it. Wiping is best effort: the IMAP library needs a string, and
// strings of the language cannot be overwritten; nothing keeps one longer than the login.
import { inspect } from 'node:util'
import type { Knex } from 'knex'
import { AccountError } from '../errors.ts'

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

export type OpenSecret = (account: { id: number }) => Promise<Secret>

/** Opens the secret, lends it to `use`, and wipes it whatever happens. */
export async function withSecret<T>(
  account: { id: number },
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

/** Reads secrets from `credentials`. Throws AccountError `account.password_missing` where there is none, or an empty one. */
export function openStored(db: Knex): OpenSecret {
  return async account => {
    const row = await db('credentials').where({ account_id: account.id, kind: 'password' }).first('plaintext')
    if (typeof row?.plaintext === 'string' && row.plaintext !== '') return new Secret(Buffer.from(row.plaintext))
    throw new AccountError('account.password_missing', `account ${account.id} has no password`, {
      temporary: false,
      hint: `store one with \`letterlock account set ${account.id} --password-stdin\``,
    })
  }
}
