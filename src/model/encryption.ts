// How encryption stands.
import type { EncryptionCode, Failure } from '../errors/catalogue.ts'

export type EncryptionState = 'off' | 'sealing' | 'on' | 'rotating' | 'unsealing' | 'locked'

/** What is wrong, or waits for somebody: a code of the catalogue with its values. `encryption status --json` puts it into words. */
export type Problem = Failure<EncryptionCode>
