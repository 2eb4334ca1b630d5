// Who gives a command.
import { hostname, userInfo } from 'node:os'
import type { Actor } from '../operations/operation.ts'

/** For operations. */
export function commandActor(): Actor {
  return { kind: 'command', name: actor() }
}

/** For the audit log. */
export function actor(): string {
  return `${userName()}@${hostname()}`
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'somebody')
  }
}
