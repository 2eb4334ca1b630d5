// How a secret gets into its row: what writing accounts needs of the vault.
import type { Knex } from 'knex'
import type { SecretKind } from './destination.ts'

declare const destinationBrand: unique symbol

/** What a secret may be sent to: 16 bytes (docs/envelope.md). */
export type Destination16 = Buffer & { readonly [destinationBrand]: true }

/** Writes the secret of an account into its row, sealed once a key is active. */
export type WriteSecret = (
  trx: Knex.Transaction,
  accountId: number,
  secret: string,
  /**
   * `kind`: default `password`. `destination`: what it is bound to; default: what the account has by then. `isRenewal`: a provider gave it in
   * the place of one that is stored, and it is lost unless it is stored now.
   */
  how?: { kind?: SecretKind; destination?: Destination16; isRenewal?: true },
) => Promise<void>
