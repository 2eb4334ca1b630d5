// The entries of the navigation, in their order. An entry is added with the page that it leads to.
import type { Role } from '../../store/people/user-rows.ts'

export type Section = 'tickets' | 'accounts' | 'quarantine' | 'queue' | 'encryption' | 'audit' | 'users'

export interface NavigationLink {
  section: Section
  label: string
  path: string
  who: Role
  /** Under one heading with others. */
  group?: 'Server'
}

const links: readonly NavigationLink[] = [
  { section: 'tickets', label: 'Tickets', path: '/tickets', who: 'agent' },
  { section: 'accounts', label: 'Accounts', path: '/accounts', who: 'agent' },
  { section: 'quarantine', label: 'Quarantine', path: '/quarantine', who: 'agent' },
  { section: 'encryption', label: 'Encryption', path: '/server/encryption', who: 'admin', group: 'Server' },
  { section: 'audit', label: 'Audit log', path: '/server/audit', who: 'admin', group: 'Server' },
  { section: 'queue', label: 'Queue', path: '/server/queue', who: 'admin', group: 'Server' },
  { section: 'users', label: 'Users', path: '/server/users', who: 'admin', group: 'Server' },
]

/** Those that the role may see. */
export function linksFor(role: Role): NavigationLink[] {
  return links.filter(({ who }) => role === 'admin' || who === 'agent')
}
