// Who gives a command, for the audit log.
import { hostname, userInfo } from 'node:os'

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
