// PURE. Where the mail servers of well-known providers are, and what they want to be logged in with. What is not here is found by DNS and
// autoconfig (find-servers.ts), or asked of whoever runs the server.
export interface WellKnown {
  /** In addresses of pages. */
  id: string
  name: string
  /** What their own addresses end in. */
  domains: readonly string[]
  /** What the names of the hosts end in that take mail for domains of their customers (MX). */
  exchangers: readonly string[]
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
    domains: ['gmail.com', 'googlemail.com'],
    exchangers: ['google.com', 'googlemail.com'],
    host: 'imap.gmail.com',
    ...tls,
    wants: 'app password',
    note: 'An app password needs 2-step verification. A Workspace may forbid app passwords: it then needs OAuth 2.',
    oauth: 'google',
  },
  {
    id: 'microsoft',
    name: 'Microsoft 365, Outlook.com',
    domains: ['outlook.com', 'hotmail.com', 'live.com', 'msn.com'],
    exchangers: ['mail.protection.outlook.com', 'mx.microsoft'],
    host: 'outlook.office365.com',
    ...tls,
    wants: 'OAuth 2',
    note: 'Microsoft takes no passwords over IMAP any more, app passwords neither.',
    oauth: 'microsoft',
  },
  {
    id: 'yahoo',
    name: 'Yahoo',
    domains: ['yahoo.com', 'ymail.com', 'rocketmail.com'],
    exchangers: ['yahoodns.net'],
    host: 'imap.mail.yahoo.com',
    ...tls,
    wants: 'app password',
    note: 'Make it under account security.',
  },
  {
    id: 'icloud',
    name: 'iCloud',
    domains: ['icloud.com', 'me.com', 'mac.com'],
    exchangers: ['mail.icloud.com'],
    host: 'imap.mail.me.com',
    ...tls,
    wants: 'app password',
    note: 'Make it in the Apple account. The user name may have to be the part before the @.',
  },
  {
    id: 'fastmail',
    name: 'Fastmail',
    domains: ['fastmail.com', 'fastmail.fm'],
    exchangers: ['messagingengine.com'],
    host: 'imap.fastmail.com',
    ...tls,
    wants: 'app password',
    note: 'Make it under privacy and security; the smallest plan has no IMAP.',
  },
  {
    id: 'gmx-net',
    name: 'GMX (gmx.net, gmx.de)',
    domains: ['gmx.net', 'gmx.de', 'gmx.at', 'gmx.ch'],
    exchangers: ['gmx.net'],
    host: 'imap.gmx.net',
    ...tls,
    wants: 'password',
    note: 'Turn IMAP on in the mailbox’s settings first. With two-factor sign-in it takes an app password.',
  },
  {
    id: 'gmx-com',
    name: 'GMX (gmx.com)',
    domains: ['gmx.com', 'gmx.us'],
    exchangers: ['gmx.com'],
    host: 'imap.gmx.com',
    ...tls,
    wants: 'password',
    note: 'Turn IMAP on in the mailbox’s settings first. With two-factor sign-in it takes an app password.',
  },
  {
    id: 'web-de',
    name: 'web.de',
    domains: ['web.de'],
    exchangers: ['web.de'],
    host: 'imap.web.de',
    ...tls,
    wants: 'password',
    note: 'Turn IMAP on in the mailbox’s settings first. With two-factor sign-in it takes an app password.',
  },
  {
    id: 'ionos-de',
    name: 'IONOS (Germany)',
    domains: [],
    exchangers: ['ionos.de', 'kundenserver.de'],
    host: 'imap.ionos.de',
    ...tls,
    wants: 'password',
    note: 'The mailbox’s own password, not that of the contract.',
  },
  {
    id: 'ionos-com',
    name: 'IONOS (elsewhere)',
    domains: [],
    exchangers: ['ionos.com', 'perfora.net'],
    host: 'imap.ionos.com',
    ...tls,
    wants: 'password',
    note: 'The mailbox’s own password, not that of the contract.',
  },
  {
    id: 'zoho-eu',
    name: 'Zoho (Europe)',
    domains: ['zohomail.eu'],
    exchangers: ['zoho.eu'],
    host: 'imap.zoho.eu',
    ...tls,
    wants: 'app password',
    note: 'Turn IMAP on first. Organisations with a domain of their own use imappro.zoho.eu.',
  },
  {
    id: 'zoho-com',
    name: 'Zoho (elsewhere)',
    domains: ['zohomail.com'],
    exchangers: ['zoho.com'],
    host: 'imap.zoho.com',
    ...tls,
    wants: 'app password',
    note: 'Turn IMAP on first. Organisations with a domain of their own use imappro.zoho.com.',
  },
  {
    id: 'mailbox-org',
    name: 'mailbox.org',
    domains: ['mailbox.org'],
    exchangers: ['mailbox.org'],
    host: 'imap.mailbox.org',
    ...tls,
    wants: 'password',
    note: 'With two-factor sign-in it takes an app password.',
  },
  {
    id: 'posteo',
    name: 'Posteo',
    domains: ['posteo.de', 'posteo.net'],
    exchangers: ['posteo.de'],
    host: 'posteo.de',
    ...tls,
    wants: 'password',
    note: 'The mailbox’s password.',
  },
  {
    id: 't-online',
    name: 'T-Online',
    domains: ['t-online.de', 'magenta.de'],
    exchangers: ['t-online.de'],
    host: 'secureimap.t-online.de',
    ...tls,
    wants: 'app password',
    note: 'The password for mail programs, which is set in the customer centre.',
  },
  {
    id: 'strato',
    name: 'STRATO',
    domains: [],
    exchangers: ['rzone.de', 'strato.de'],
    host: 'imap.strato.de',
    ...tls,
    wants: 'password',
    note: 'The mailbox’s own password, not that of the contract.',
  },
]

export function findWellKnown(id: string | undefined): WellKnown | undefined {
  return wellKnown.find(provider => provider.id === id)
}

/** The provider whose own domain this is; undefined: none that is known. */
export function providerOfDomain(domain: string): WellKnown | undefined {
  return wellKnown.find(({ domains }) => domains.includes(domain))
}

/** The provider that takes a domain's mail at this host. */
export function providerOfExchanger(host: string): WellKnown | undefined {
  return wellKnown.find(({ exchangers }) => exchangers.some(name => host === name || host.endsWith(`.${name}`)))
}

/** The provider that runs this IMAP server. */
export function providerOfHost(host: string): WellKnown | undefined {
  return wellKnown.find(provider => provider.host === host)
}
