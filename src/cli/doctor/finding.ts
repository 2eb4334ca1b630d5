// What `letterlock doctor` finds: a line each, with what to do.
import { IngestError } from '../../errors/errors.ts'

export interface Finding {
  check: string
  level: 'ok' | 'note' | 'fault'
  message: string
  hint: string | null
}

export const ok = (check: string, message: string): Finding => ({ check, level: 'ok', message, hint: null })
export const note = (check: string, message: string, hint: string): Finding => ({ check, level: 'note', message, hint })
export const fault = (check: string, message: string, hint: string): Finding => ({
  check,
  level: 'fault',
  message,
  hint,
})

/** `hint`: where the check knows better than the error what to do. */
export function toFault(check: string, error: unknown, hint?: string): Finding {
  const own = error instanceof IngestError ? error.hint : undefined
  const message = error instanceof Error ? error.message : String(error)
  return fault(check, message, hint ?? own ?? 'this may be a fault of letterlock')
}

export type Group = 'service' | 'database' | 'mail' | 'encryption' | 'redis'

const groupOfCheck: Readonly<Record<string, Group>> = {
  ...{ database: 'database', schema: 'database', settings: 'database', privileges: 'database', clock: 'database' },
  restored: 'database',
  ...{ daemon: 'mail', accounts: 'mail', quarantine: 'mail', rules: 'mail', senders: 'mail', 'raw mail': 'mail' },
  ...{ 'nightly job': 'mail', backup: 'mail', 'key files': 'encryption' },
  ...{ encryption: 'encryption', redis: 'redis' },
}

/** What a finding is about, for those who read from top to bottom. */
export function groupOf({ check }: Finding): Group {
  return groupOfCheck[check] ?? 'service'
}
