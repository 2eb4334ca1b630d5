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

export function toFault(check: string, error: unknown, hint = 'this may be a fault of letterlock'): Finding {
  if (error instanceof IngestError) return fault(check, error.message, error.hint ?? hint)
  return fault(check, error instanceof Error ? error.message : String(error), hint)
}
