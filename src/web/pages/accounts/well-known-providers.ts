// PURE. Where the mail servers of well-known providers are, and what they want to be logged in with. What is not here is asked of whoever
// runs the server.
export interface WellKnown {
  /** In addresses of pages. */
  id: string
  name: string
  host: string
  port: number
  security: 'tls'
  /** What it takes to log in. */
  wants: 'app password' | 'password' | 'OAuth 2'
  /** What to do first, or to know. */
  note: string
  /** For `--oauth`, where it can be used. */
  oauth?: 'google' | 'microsoft'
}

const tls = { port: 993, security: 'tls' } as const

export const wellKnown: readonly WellKnown[] = [
  {
    id: 'gmail',
    name: 'Gmail, Google Workspace',
    host: 'imap.gmail.com',
    ...tls,
    wants: 'app password',
    note: 'An app password needs 2-step verification. A Workspace may forbid app passwords: it then needs OAuth 2.',
    oauth: 'google',
  },
  {
    id: 'microsoft',
    name: 'Microsoft 365, Outlook.com',
    host: 'outlook.office365.com',
    ...tls,
    wants: 'OAuth 2',
    note: 'Microsoft takes no passwords over IMAP any more, app passwords neither.',
    oauth: 'microsoft',
  },
  {
    id: 'yahoo',
    name: 'Yahoo',
    host: 'imap.mail.yahoo.com',
    ...tls,
    wants: 'app password',
    note: 'Make it under account security.',
  },
  {
    id: 'icloud',
    name: 'iCloud',
    host: 'imap.mail.me.com',
    ...tls,
    wants: 'app password',
    note: 'Make it in the Apple account. The user name may have to be the part before the @.',
  },
  {
    id: 'fastmail',
    name: 'Fastmail',
    host: 'imap.fastmail.com',
    ...tls,
    wants: 'app password',
    note: 'Make it under privacy and security; the smallest plan has no IMAP.',
  },
  {
    id: 'gmx-net',
    name: 'GMX (gmx.net, gmx.de)',
    host: 'imap.gmx.net',
    ...tls,
    wants: 'password',
    note: 'Turn IMAP on in the mailbox’s settings first. With two-factor sign-in it takes an app password.',
  },
  {
    id: 'gmx-com',
    name: 'GMX (gmx.com)',
    host: 'imap.gmx.com',
    ...tls,
    wants: 'password',
    note: 'Turn IMAP on in the mailbox’s settings first. With two-factor sign-in it takes an app password.',
  },
  {
    id: 'web-de',
    name: 'web.de',
    host: 'imap.web.de',
    ...tls,
    wants: 'password',
    note: 'Turn IMAP on in the mailbox’s settings first. With two-factor sign-in it takes an app password.',
  },
  {
    id: 'ionos-de',
    name: 'IONOS (Germany)',
    host: 'imap.ionos.de',
    ...tls,
    wants: 'password',
    note: 'The mailbox’s own password, not that of the contract.',
  },
  {
    id: 'ionos-com',
    name: 'IONOS (elsewhere)',
    host: 'imap.ionos.com',
    ...tls,
    wants: 'password',
    note: 'The mailbox’s own password, not that of the contract.',
  },
  {
    id: 'zoho-eu',
    name: 'Zoho (Europe)',
    host: 'imap.zoho.eu',
    ...tls,
    wants: 'app password',
    note: 'Turn IMAP on first. Organisations with a domain of their own use imappro.zoho.eu.',
  },
  {
    id: 'zoho-com',
    name: 'Zoho (elsewhere)',
    host: 'imap.zoho.com',
    ...tls,
    wants: 'app password',
    note: 'Turn IMAP on first. Organisations with a domain of their own use imappro.zoho.com.',
  },
  {
    id: 'mailbox-org',
    name: 'mailbox.org',
    host: 'imap.mailbox.org',
    ...tls,
    wants: 'password',
    note: 'With two-factor sign-in it takes an app password.',
  },
  { id: 'posteo', name: 'Posteo', host: 'posteo.de', ...tls, wants: 'password', note: 'The mailbox’s password.' },
  {
    id: 't-online',
    name: 'T-Online',
    host: 'secureimap.t-online.de',
    ...tls,
    wants: 'app password',
    note: 'The password for mail programs, which is set in the customer centre.',
  },
  {
    id: 'strato',
    name: 'STRATO',
    host: 'imap.strato.de',
    ...tls,
    wants: 'password',
    note: 'The mailbox’s own password, not that of the contract.',
  },
]

export function findWellKnown(id: string | undefined): WellKnown | undefined {
  return wellKnown.find(provider => provider.id === id)
}
