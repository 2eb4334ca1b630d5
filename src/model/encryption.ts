// How encryption stands, in the words of `encryption status --json`.

export type EncryptionState = 'off' | 'sealing' | 'on' | 'rotating' | 'unsealing' | 'locked'

export interface Problem {
  code: string
  hint: string
}
