// PURE. The catalogue's codes of single mails and of accounts: what a mail server, an OAuth provider or a sealed password refuses.
import { accountsNamed, at, entry, forAccount } from './entry.ts'
import type { AccountField, Remedy } from './remedy.ts'

/**
 * Every account error may say its account (0: not saved yet) and the step that failed, as `login` or `SEARCH`. `elsewhere`: it was another
 * account of the same host that failed so.
 */
type OfAccount = {
  account?: number
  during?: string
  elsewhere?: boolean
}

type About<P = unknown> = P & OfAccount

const retried = 'It is tried again automatically.'
const askOperator = `${retried} If it goes on, ask who runs the mail server.`

export type LoginRefusal =
  | 'password'
  | 'app_password'
  | 'web_login'
  | 'imap_disabled'
  | 'needs_oauth'
  | 'needs_tls'
  | 'expired'
  | 'maybe_oauth'

const refusedLogins: Readonly<Record<LoginRefusal, { what: string; advice: string }>> = {
  password: {
    what: 'the mail server refused the user name or the password',
    advice: 'Some providers want an app password, or IMAP to be enabled first.',
  },
  app_password: {
    what: 'the provider wants an app password',
    advice: 'Create an app password in the security settings of the mailbox, and use it as the password.',
  },
  web_login: {
    what: 'the provider wants a login in a web browser first',
    advice: 'Log in to the mailbox once with a web browser and confirm what it asks.',
  },
  imap_disabled: {
    what: 'IMAP is turned off for this mailbox',
    advice: 'Turn IMAP on in the settings of the mailbox.',
  },
  needs_oauth: {
    what: 'the mail server takes no passwords',
    advice: 'The account needs OAuth; on a server of your own, choose another security.',
  },
  needs_tls: { what: 'the mail server takes passwords over TLS only', advice: 'Choose TLS or STARTTLS.' },
  expired: { what: 'the password has expired', advice: 'Renew it at the provider, then enter the new one.' },
  maybe_oauth: {
    what: 'the mail server refused the user name or the password',
    advice: 'Exchange Online answers so to every password: its accounts need OAuth.',
  },
}

export type CertificateFault =
  | 'expired'
  | 'not_yet_valid'
  | 'other_name'
  | 'self_signed'
  | 'unknown_ca'
  | 'no_intermediate'
  | 'bad_signature'
  | 'revoked'
  | 'not_trusted'
  | 'chain_too_long'
  | 'not_a_ca'
  | 'not_for_servers'
  | 'weak_key'
  | 'weak_ca_key'
  | 'weak_signature'
  | 'weak'

const certificateFaults: Readonly<Record<CertificateFault, string>> = {
  expired: 'has expired',
  not_yet_valid: 'is not valid yet',
  other_name: 'is for another name',
  self_signed: 'is signed by nobody but itself',
  unknown_ca: 'comes from an unknown CA',
  no_intermediate: 'comes from an unknown CA, or the server does not send the intermediate certificate',
  bad_signature: 'has a wrong signature',
  revoked: 'is revoked',
  not_trusted: 'is not trusted',
  chain_too_long: 'has a chain that is longer than its CA allows',
  not_a_ca: 'is signed by a certificate that is no CA',
  not_for_servers: 'is not meant for servers',
  weak_key: 'has a key that is too weak',
  weak_ca_key: 'comes from a CA whose key is too weak',
  weak_signature: 'has a signature that is too weak',
  weak: 'is too weak',
}

export type TlsFault = 'negotiation' | 'old_version' | 'weak_cipher' | 'broken_off'

const tlsFaults: Readonly<Record<TlsFault, { what: string; advice: string }>> = {
  negotiation: {
    what: 'TLS negotiation failed',
    advice: 'Port and security must belong together: 993 and TLS, 143 and STARTTLS.',
  },
  old_version: {
    what: 'the mail server offers only versions of TLS that are no longer safe',
    advice: 'Have TLS 1.2 or newer enabled on the server.',
  },
  weak_cipher: {
    what: 'the mail server offers only ciphers or keys that are no longer safe',
    advice: 'Have TLS 1.2 or newer enabled on the server.',
  },
  broken_off: { what: 'the connection broke in the middle of the TLS handshake', advice: askOperator },
}

export type Refusal =
  | 'answer'
  | 'full'
  | 'no_login_method'
  | 'not_imap'
  | 'no_uidvalidity'
  | 'not_sent'
  | 'wrong_size'
  | 'not_deleted'

type RefusedParams = OfAccount & {
  reason?: Refusal
  /** NO or BAD. */
  answer?: string
  uid?: number
  mailbox?: string
  /** How many, where `uid` is the first of several. */
  mails?: number
  statedBytes?: number
  sentBytes?: number
}

const refusals: Readonly<Record<Refusal, (params: RefusedParams) => { what: string; advice: string }>> = {
  answer: ({ answer = 'NO' }) => ({
    what: `the mail server answered ${answer}`,
    advice: `${retried} The server’s own log says why.`,
  }),
  full: () => ({
    what: 'the mailbox on the mail server is full',
    advice: 'To settle mail there, make room on the server; new mail comes in meanwhile.',
  }),
  no_login_method: () => ({
    what: 'the mail server offers no known way of logging in',
    advice:
      'A password needs LOGIN or PLAIN there, OAuth needs OAUTHBEARER or XOAUTH2: use the other one, or enable it on the server.',
  }),
  not_imap: () => ({
    what: 'what answers at this port is no IMAP server',
    advice: 'Port and security must belong together: 993 and TLS, 143 and STARTTLS.',
  }),
  no_uidvalidity: () => ({
    what: 'the mail server gives the mailbox no UIDVALIDITY',
    advice: 'Such a mailbox cannot be read safely: ask who runs the mail server.',
  }),
  not_sent: ({ uid }) => ({
    what: `the mail server lists UID ${uid} but does not send it`,
    advice: 'The mail is asked for again. If the server never sends it, it is shown in quarantine.',
  }),
  wrong_size: ({ uid, statedBytes, sentBytes }) => ({
    what: `the mail server states ${statedBytes} bytes for UID ${uid} and sends ${sentBytes}`,
    advice:
      'The mail is asked for again and stays on the server. If it never comes whole, what came is shown in quarantine.',
  }),
  not_deleted: ({ uid, mailbox, mails }) => ({
    what: `${mails === undefined ? '' : `${mails} mails, among them `}UID ${uid} of ${quoted(mailbox)}, differ${mails === undefined ? 's' : ''} in size from the stored mail, so it was not deleted`,
    advice: 'If it is the same mail, delete it on the server yourself.',
  }),
}

function quoted(mailbox: string | undefined): string {
  return mailbox === undefined ? 'the mailbox' : JSON.stringify(mailbox)
}

const columnValues = {
  after_ingest: 'keep, seen, delete or move:MAILBOX',
  start_from: 'all, new or a day as 2026-11-24',
} as const

export type DestinationFault = 'host' | 'port' | 'security' | 'username' | 'provider'

export type Misconfiguration = keyof typeof columnValues | DestinationFault | 'token_endpoint'

type MisconfiguredParams = OfAccount & {
  reason?: Misconfiguration
  /** The value as it may be shown. */
  value?: string
}

/** What of a destination cannot be shown as it is, or is none. */
export const destinationFaults: Readonly<Record<DestinationFault, (value: string) => string>> = {
  host: value => `the host "${value}" is no host name and no IP address`,
  port: value => `the port ${value} is not a number from 1 to 65535`,
  security: value => `the security "${value}" is not tls, starttls or cleartext`,
  username: value => `the user name "${value}" holds control or invisible characters, or is longer than 320`,
  provider: value => `its provider's "${value}" holds control or invisible characters`,
}

const misconfigurations: Readonly<Record<Misconfiguration, (value: string) => string>> = {
  ...destinationFaults,
  after_ingest: () => 'the column after_ingest has an unknown value',
  start_from: () => 'the column start_from has an unknown value',
  token_endpoint: () => 'the token endpoint is no https URL',
}

const misconfiguredFields: Partial<Record<Misconfiguration, AccountField>> = {
  after_ingest: 'after',
  host: 'host',
  port: 'port',
  security: 'security',
  username: 'username',
}

export type SecretWord = 'password' | 'refresh token' | 'client secret'

type SealedParams = OfAccount & {
  /** Instead of one account: all whose rows fail alike. */
  accounts?: readonly number[]
  more?: number
  secret?: SecretWord
  keyId?: string
  reason?: 'token_waits'
}

/** `account 4: its password`, or `accounts 4, 7: their passwords`. */
function sealedSecret({ account, accounts, more = 0, secret = 'password' }: SealedParams, adjective = ''): string {
  if (accounts === undefined || accounts.length + more < 2)
    return `${at(account ?? accounts?.[0])}its ${adjective}${secret}`
  return `${accountsNamed(accounts, more)}: their ${adjective}${secret}s`
}

function isOrAre({ accounts = [], more = 0 }: SealedParams): string {
  return accounts.length + more < 2 ? 'is' : 'are'
}

/** What has the secret stored anew; of several accounts the first stands for all. */
function setAgain({ account, accounts, secret = 'password' }: SealedParams): readonly Remedy[] {
  return forAccount(account ?? accounts?.[0], id => [
    secret === 'password' ? { action: 'set-password', account: id } : { action: 'sign-in-with-oauth', account: id },
  ])
}

const originalKept = 'Its original is kept and can be downloaded from quarantine. Retry it after an upgrade.'
const openOriginal = 'Download the original and open it in a mail program.'

const tooSlow = {
  mail: 'a mail was not parsed',
  attachment: 'the attachment was not found in its mail',
  html: 'the HTML of a mail was not ready',
}

export const messageEntries = {
  'message.too_large': entry<About<{ maxBytes?: number }>>({
    title: 'Mail too large',
    explain: () => 'the mail is larger than mail.max_bytes; only its header was fetched, and it stays on the server',
    advise: () => 'Raise the limit, then retry it.',
    examples: [{}],
  }),
  'message.unfetchable': entry<About>({
    title: 'Mail that cannot be fetched',
    explain: () => 'the mail could not be fetched in five tries, while other mail came; it stays on the server',
    advise: () => 'Look at it on the server, then retry it.',
    examples: [{}],
  }),
  'message.unparseable': entry<About<{ why?: string; reason?: 'attachment' | 'attachment_changed' | 'html' }>>({
    title: 'Mail that cannot be read',
    explain: ({ why, reason }) => {
      if (reason === 'html') return 'the HTML of a mail could not be read'
      if (reason === 'attachment_changed') return 'the attachment’s bytes are not what they were when the mail came in'
      const brackets = why === undefined ? '' : ` (${why})`
      return reason === 'attachment'
        ? `the attachment cannot be cut out of its mail${brackets}`
        : `a mail could not be parsed${brackets}`
    },
    advise: ({ reason }) => (reason === undefined ? originalKept : openOriginal),
    examples: [{}, { reason: 'attachment' }, { reason: 'attachment_changed' }, { reason: 'html' }],
  }),
  'message.parse_timeout': entry<About<{ withinMs?: number; reason?: 'attachment' | 'html' }>>({
    title: 'Mail that takes too long to read',
    explain: ({ withinMs, reason }) =>
      `${tooSlow[reason ?? 'mail']} ${withinMs === undefined ? 'in time' : `within ${withinMs} ms`}`,
    advise: ({ reason }) => (reason === undefined ? originalKept : openOriginal),
    examples: [{ withinMs: 10_000 }, { reason: 'attachment', withinMs: 10_000 }, { reason: 'html', withinMs: 10_000 }],
  }),
  'message.unstorable': entry<About<{ uid?: number; why?: string }>>({
    title: 'Mail that the database refuses',
    explain: ({ account, uid, why }) =>
      `${at(account)}the database refuses ${uid === undefined ? 'a mail' : `the mail with UID ${uid}`} and takes others${why === undefined ? '' : ` (${why})`}`,
    advise: () =>
      'It is tried five times, then it is kept in quarantine and the mailbox goes on. Look for a small max_allowed_packet, a trigger or a check of your own.',
    examples: [{ account: 4, uid: 1017, why: 'ER_NET_PACKET_TOO_LARGE' }],
  }),
}

export const accountEntries = {
  'account.misconfigured': entry<MisconfiguredParams>({
    title: 'Account that makes no sense',
    explain: ({ account, reason, value = '' }) =>
      `${at(account)}${reason === undefined ? 'a column of the account holds an unknown value' : misconfigurations[reason](value)}`,
    advise: ({ reason }) => {
      const allowed = reason !== undefined && columnValues[reason as keyof typeof columnValues]
      return allowed ? `Allowed: ${allowed}.` : 'Find out who writes to the table accounts.'
    },
    remedies: ({ account, reason }) =>
      forAccount(account, id => {
        if (reason === 'token_endpoint' || reason === 'provider') return [{ action: 'sign-in-with-oauth', account: id }]
        const field = reason && misconfiguredFields[reason]
        return field === undefined ? [] : [{ action: 'edit-account', account: id, fields: [field] }]
      }),
    examples: [
      { account: 4, reason: 'after_ingest' },
      { account: 4, reason: 'start_from' },
      { account: 4, reason: 'host', value: 'imap example' },
      { account: 4, reason: 'token_endpoint' },
    ],
  }),
  'account.password_missing': entry<About<{ secret?: SecretWord }>>({
    title: 'No password',
    explain: ({ account, secret = 'password' }) =>
      account ? `account ${account} has no ${secret}` : `no ${secret} is stored`,
    remedies: ({ account, secret }) => setAgain({ account, secret } as SealedParams),
    examples: [{ account: 4 }, { account: 4, secret: 'refresh token' }],
  }),
  'imap.answer_too_large': entry<About>({
    title: 'Answer too large',
    explain: ({ account }) =>
      `${at(account)}the mail server answered with far more than was asked for, and the connection was closed`,
    advise: () => askOperator,
    remedies: ({ account }) => forAccount(account, id => [{ action: 'edit-account', account: id, fields: ['host'] }]),
    examples: [{ account: 4, during: 'SEARCH' }],
  }),
  'imap.auth_refused': entry<About<{ reason?: LoginRefusal; restSeconds?: number }>>({
    title: 'Login refused',
    explain: ({ account, reason = 'password', restSeconds }) =>
      `${at(account)}${restSeconds === undefined ? refusedLogins[reason].what : 'not tried, since its login was refused a moment ago'}`,
    advise: ({ reason = 'password', restSeconds }) =>
      restSeconds === undefined
        ? refusedLogins[reason].advice
        : `A mail server that is asked again and again locks users out. Try again in ${restSeconds} s.`,
    remedies: ({ account, reason = 'password', restSeconds }) =>
      forAccount(account, id => {
        if (restSeconds !== undefined) return []
        const oauth = { action: 'sign-in-with-oauth', account: id } as const
        const password = { action: 'set-password', account: id } as const
        if (reason === 'web_login' || reason === 'imap_disabled') return [{ action: 'poll-account', account: id }]
        if (reason === 'needs_tls') return [{ action: 'edit-account', account: id, fields: ['security'] }]
        if (reason === 'needs_oauth') return [oauth]
        return reason === 'maybe_oauth' ? [{ ...oauth, provider: 'microsoft' }, password] : [password]
      }),
    examples: [
      { account: 4, reason: 'password', during: 'login' },
      { account: 4, reason: 'app_password' },
      { account: 4, reason: 'web_login' },
      { account: 4, reason: 'imap_disabled' },
      { account: 4, reason: 'needs_oauth' },
      { account: 4, reason: 'needs_tls' },
      { account: 4, reason: 'expired' },
      { account: 4, reason: 'maybe_oauth' },
      { account: 4, restSeconds: 17 },
    ],
  }),
  'imap.auth_unavailable': entry<About>({
    title: 'Login cannot be checked now',
    explain: ({ account }) => `${at(account)}the mail server cannot check the login at the moment`,
    advise: () => askOperator,
    examples: [{ account: 4, during: 'login' }],
  }),
  'imap.connection_lost': entry<About<{ reason?: 'not_selected' }>>({
    title: 'Connection lost',
    explain: ({ account, reason }) =>
      `${at(account)}${reason === 'not_selected' ? 'the mailbox is no longer selected' : 'the connection to the mail server broke'}`,
    advise: () => `${retried} If it goes on, look at the mail server and the network in between.`,
    examples: [{ account: 4, during: 'FETCH' }],
  }),
  'imap.connection_refused': entry<About>({
    title: 'Connection refused',
    explain: ({ account }) => `${at(account)}nothing listens at the mail server’s port`,
    advise: () => 'Check that the mail server runs.',
    remedies: ({ account }) =>
      forAccount(account, id => [{ action: 'edit-account', account: id, fields: ['host', 'port'] }]),
    examples: [{ account: 4, during: 'login' }],
  }),
  'imap.host_crowded': entry<About>({
    title: 'Too many connections to one host',
    explain: ({ account }) => `${at(account)}all connections to its mail server are in use`,
    advise: () => `${retried} If it goes on, raise poll.host_connections as far as the mail server allows.`,
    examples: [{ account: 4 }],
  }),
  'imap.host_not_found': entry<About<{ reason?: 'no_resolver' }>>({
    title: 'Host not found',
    explain: ({ account, reason }) =>
      reason === 'no_resolver'
        ? `${at(account)}no DNS server answers for the mail server’s name`
        : `${at(account)}the mail server’s name is not in the DNS`,
    advise: ({ reason }) =>
      reason === 'no_resolver'
        ? `Check the resolver of the machine that runs Letterlock (/etc/resolv.conf). ${retried}`
        : 'If the host is right, check the resolver of the machine that runs Letterlock.',
    remedies: ({ account, reason }) =>
      reason === 'no_resolver'
        ? []
        : forAccount(account, id => [{ action: 'edit-account', account: id, fields: ['host'] }]),
    examples: [
      { account: 4, during: 'login' },
      { account: 4, during: 'login', reason: 'no_resolver' },
    ],
  }),
  'imap.host_unreachable': entry<About>({
    title: 'No route to host',
    explain: ({ account }) => `${at(account)}there is no route to the mail server`,
    advise: () => 'Check the network, the routes and the firewall of the machine that runs Letterlock.',
    examples: [{ account: 4, during: 'login' }],
  }),
  'imap.mailbox_missing': entry<About<{ mailbox?: string; role?: 'read' | 'move' }>>({
    title: 'Folder missing',
    explain: ({ account, mailbox }) =>
      `${at(account)}the mail server has no ${mailbox === undefined ? 'such mailbox' : `mailbox ${quoted(mailbox)}`}`,
    advise: ({ role }) =>
      role === undefined
        ? 'Create it on the server.'
        : `Create it on the server; ${role === 'move' ? 'mail comes in' : 'the others are read'} meanwhile.`,
    remedies: ({ account, role }) =>
      forAccount(account, id => [
        {
          action: 'edit-account',
          account: id,
          fields: role === undefined ? ['mailbox', 'after'] : [role === 'move' ? 'after' : 'mailbox'],
        },
      ]),
    examples: [
      { account: 4, mailbox: 'Old', role: 'read' },
      { account: 4, mailbox: 'Done', role: 'move' },
    ],
  }),
  'imap.refused': entry<RefusedParams>({
    title: 'Refused by the mail server',
    explain: params => `${at(params.account)}${refusals[params.reason ?? 'answer'](params).what}`,
    advise: params => refusals[params.reason ?? 'answer'](params).advice,
    remedies: ({ account, reason }) =>
      forAccount(account, id => {
        if (reason === 'not_deleted') return [{ action: 'show-source' }]
        if (reason === 'no_login_method') return [{ action: 'sign-in-with-oauth', account: id }]
        return reason === 'not_imap'
          ? [{ action: 'edit-account', account: id, fields: ['host', 'port', 'security'] }]
          : []
      }),
    examples: [
      { account: 4, reason: 'answer', answer: 'NO', during: 'SEARCH' },
      { account: 4, reason: 'full' },
      { account: 4, reason: 'no_login_method' },
      { account: 4, reason: 'not_imap' },
      { account: 4, reason: 'no_uidvalidity' },
      { account: 4, reason: 'not_sent', uid: 1017 },
      { account: 4, reason: 'wrong_size', uid: 1017, statedBytes: 2048, sentBytes: 1024 },
      { account: 4, reason: 'not_deleted', uid: 1017, mailbox: 'INBOX' },
    ],
  }),
  'imap.starttls_missing': entry<About<{ reason?: 'not_offered' | 'refused' | 'preauth' }>>({
    title: 'No STARTTLS',
    explain: ({ account, reason }) =>
      `${at(account)}${
        reason === 'preauth'
          ? 'the mail server says that we are logged in already (PREAUTH), which rules out STARTTLS'
          : reason === 'refused'
            ? 'the mail server offers STARTTLS and refuses it'
            : 'the mail server offers no STARTTLS'
      }, so nothing was sent to it`,
    advise: () => 'Choose TLS with its port (993), or find out who removes STARTTLS on the way.',
    remedies: ({ account }) =>
      forAccount(account, id => [{ action: 'edit-account', account: id, fields: ['security', 'port'] }]),
    examples: [{ account: 4 }, { account: 4, reason: 'refused' }, { account: 4, reason: 'preauth' }],
  }),
  'imap.throttled': entry<About<{ reason?: 'daily_limit' | 'connections' }>>({
    title: 'Throttled',
    explain: ({ account }) => `${at(account)}the mail server asks us to come less often`,
    advise: ({ reason }) => {
      if (reason === 'daily_limit')
        return 'The provider’s limit of what may be read in a day is used up. Reading goes on automatically when the provider allows it.'
      if (reason === 'connections')
        return `Too many connections are open to the mailbox or the server: end other programs that use it. ${retried}`
      return 'It is tried again later, automatically. A longer interval, or fewer programs on this mailbox, may be needed.'
    },
    remedies: ({ account, reason }) =>
      reason === undefined
        ? forAccount(account, id => [{ action: 'edit-account', account: id, fields: ['every'] }])
        : [],
    examples: [{ account: 4 }, { account: 4, reason: 'daily_limit' }, { account: 4, reason: 'connections' }],
  }),
  'imap.timeout': entry<About<{ seconds?: number }>>({
    title: 'No answer in time',
    explain: ({ account, seconds }) =>
      seconds === undefined
        ? `${at(account)}the mail server did not answer in time`
        : `${at(account)}the test did not end within ${seconds} s`,
    advise: ({ seconds }) =>
      seconds === undefined
        ? `Check the firewall on the way. ${retried}`
        : 'The mail server answers too slowly: ask who runs it.',
    remedies: ({ account }) =>
      forAccount(account, id => [{ action: 'edit-account', account: id, fields: ['port', 'security'] }]),
    examples: [
      { account: 4, during: 'SEARCH' },
      { account: 4, seconds: 60 },
    ],
  }),
  'imap.tls_attacked': entry<About>({
    title: 'TLS attacked',
    explain: ({ account }) =>
      `${at(account)}somebody on the way put data into the beginning of the TLS connection, so nothing was sent`,
    advise: () =>
      'Choose TLS with its port (993), and find out who is between Letterlock’s machine and the mail server.',
    remedies: ({ account }) =>
      forAccount(account, id => [{ action: 'edit-account', account: id, fields: ['security', 'port'] }]),
    examples: [{ account: 4 }],
  }),
  'imap.tls_failed': entry<About<{ reason?: TlsFault }>>({
    title: 'TLS failed',
    explain: ({ account, reason = 'negotiation' }) => `${at(account)}${tlsFaults[reason].what}`,
    advise: ({ reason = 'negotiation' }) => tlsFaults[reason].advice,
    remedies: ({ account, reason = 'negotiation' }) =>
      reason === 'negotiation'
        ? forAccount(account, id => [{ action: 'edit-account', account: id, fields: ['port', 'security'] }])
        : [],
    examples: [
      { account: 4, reason: 'negotiation' },
      { account: 4, reason: 'old_version' },
      { account: 4, reason: 'weak_cipher' },
      { account: 4, reason: 'broken_off' },
    ],
  }),
  'imap.tls_untrusted': entry<About<{ reason?: CertificateFault }>>({
    title: 'Certificate not trusted',
    explain: ({ account, reason = 'not_trusted' }) =>
      `${at(account)}the mail server’s certificate ${certificateFaults[reason]}`,
    advise: ({ reason }) => {
      if (reason === 'expired' || reason === 'not_yet_valid')
        return 'Have it renewed on the server, or check the clock of the machine that runs Letterlock.'
      if (reason === 'other_name') return 'Use a name that the certificate bears.'
      return 'If the server is one of your own, give its CA’s certificate; otherwise somebody may be in between.'
    },
    remedies: ({ account, reason }) =>
      reason === 'expired' || reason === 'not_yet_valid'
        ? []
        : forAccount(account, id => [
            { action: 'edit-account', account: id, fields: [reason === 'other_name' ? 'host' : 'ca'] },
          ]),
    examples: [
      { account: 4, reason: 'expired' },
      { account: 4, reason: 'other_name' },
      { account: 4, reason: 'unknown_ca' },
    ],
  }),
  'imap.uid_invalid': entry<About>({
    title: 'Invalid UIDs',
    explain: ({ account }) => `${at(account)}the mail server tells UIDs of more than 32 bits`,
    advise: () =>
      'Mail with such a number cannot be asked for; all other mail comes in. Ask who runs the mail server to have the mailbox numbered anew.',
    examples: [{ account: 4 }],
  }),
  'imap.uids_reused': entry<About<{ mailbox?: string }>>({
    title: 'UIDs reused',
    explain: ({ account, mailbox }) =>
      `${at(account)}the mail server reuses UIDs of ${quoted(mailbox)}: it was probably restored from a backup`,
    advise: () =>
      'You need not do anything: all mail there is read again, known mail is recognised, and new mail comes in. Sources whose UID was given to another mail have UIDVALIDITY 0 and a running number from then on.',
    examples: [{ account: 4, mailbox: 'INBOX' }],
  }),
  'imap.unavailable': entry<About<{ greeting?: string }>>({
    title: 'Mail server unavailable',
    explain: ({ account, greeting }) =>
      greeting === undefined
        ? `${at(account)}the mail server has trouble of its own`
        : `${at(account)}the mail server greets with ${greeting}: it takes no connections now`,
    advise: () => askOperator,
    examples: [{ account: 4, during: 'SELECT' }],
  }),
  'lease.lost': entry<About>({
    title: 'Lease lost',
    explain: ({ account }) => `${at(account)}another worker has the account now`,
    examples: [{ account: 4 }],
  }),
  'oauth.client_refused': entry<About<{ answer?: string; provider?: string }>>({
    title: 'OAuth client refused',
    explain: ({ account, answer }) =>
      `${at(account)}the OAuth provider refuses the client${answer === undefined ? '' : ` (${answer})`}`,
    advise: () =>
      'The provider does not know the client, or its secret is wrong or has expired. Correct its registration there.',
    remedies: ({ account, provider = 'PROVIDER' }) =>
      forAccount(account, id => [{ action: 'sign-in-with-oauth', account: id, provider, newClient: true }]),
    examples: [{ account: 4, answer: 'invalid_client', provider: 'microsoft' }],
  }),
  'oauth.consent_needed': entry<About<{ provider?: string }>>({
    title: 'Consent needed',
    explain: ({ account }) => `${at(account)}the OAuth provider no longer takes the refresh token`,
    advise: () => 'Consent was withdrawn, a password changed, or the token was unused for too long.',
    remedies: ({ account, provider = 'PROVIDER' }) =>
      forAccount(account, id => [{ action: 'sign-in-with-oauth', account: id, provider }]),
    examples: [{ account: 4, provider: 'google' }],
  }),
  'oauth.token_refused': entry<About>({
    title: 'Access token refused',
    explain: ({ account }) => `${at(account)}the mail server refused a new access token`,
    advise: () =>
      'Check that the user name is the mailbox that consent was given for, and that IMAP and its scope are allowed there.',
    remedies: ({ account }) =>
      forAccount(account, id => [
        { action: 'edit-account', account: id, fields: ['username'] },
        { action: 'test-account', account: id },
      ]),
    examples: [{ account: 4 }],
  }),
  'oauth.unavailable': entry<About<{ status?: number; reason?: 'asked_elsewhere' }>>({
    title: 'OAuth provider unavailable',
    explain: ({ account, status, reason }) =>
      reason === 'asked_elsewhere'
        ? `${at(account)}another process has been asking for its token`
        : `${at(account)}the token endpoint gave no token${status === undefined ? '' : ` (HTTP ${status})`}`,
    advise: () => `${retried} If it goes on, look at the provider’s status page.`,
    examples: [{ account: 4, status: 503 }],
  }),
  'oauth.unreachable': entry<About<{ why?: string }>>({
    title: 'OAuth provider unreachable',
    explain: ({ account, why }) =>
      `${at(account)}the token endpoint cannot be reached${why === undefined ? '' : ` (${why})`}`,
    advise: () =>
      `${retried} If it goes on, look at the network, the proxy and the firewall of the machine that runs Letterlock.`,
    examples: [{ account: 4, why: 'ECONNREFUSED' }],
  }),
  'vault.destination_changed': entry<SealedParams>({
    title: 'Destination changed',
    explain: params =>
      `${sealedSecret(params)} ${isOrAre(params)} not sent: ${params.secret === undefined || params.secret === 'password' ? '' : 'token endpoint, client id, '}host, port, security, user name or CA are not those that it was sealed for`,
    advise: () => 'Look at where the account logs in now. If nobody was to change it, put it back.',
    remedies: params => [
      ...forAccount(params.account ?? params.accounts?.[0], id => [{ action: 'accept-destination', account: id }]),
      ...setAgain(params),
    ],
    examples: [{ account: 4 }, { account: 4, secret: 'refresh token' }, { accounts: [4, 7] }],
  }),
  'vault.key_missing': entry<SealedParams>({
    title: 'Key missing',
    explain: params =>
      params.reason === 'token_waits'
        ? `${at(params.account)}a new refresh token waits for the key`
        : `${sealedSecret(params)} ${isOrAre(params)} sealed, and the key${params.keyId === undefined ? '' : ` ${params.keyId}`} is not on this host`,
    advise: ({ reason }) =>
      reason === 'token_waits'
        ? 'Put the key file back before the daemon is stopped.'
        : 'Put the key file back; everything goes on automatically.',
    remedies: () => [{ action: 'show-encryption' }],
    examples: [{ account: 4, keyId: '1c24c9422600865d' }, { account: 4, reason: 'token_waits' }, { accounts: [4, 7] }],
  }),
  'vault.tampered': entry<SealedParams>({
    title: 'Sealed password changed',
    explain: params =>
      `${sealedSecret(params, 'sealed ')} ${isOrAre(params) === 'is' ? 'was changed, or is' : 'were changed, or are'} another account’s`,
    advise: () => 'Find out who writes to the table credentials.',
    remedies: setAgain,
    examples: [{ account: 4 }, { accounts: [4, 7], more: 12 }],
  }),
  'vault.unsupported_version': entry<SealedParams>({
    title: 'Unknown envelope version',
    explain: params => `${sealedSecret(params)} ${isOrAre(params)} sealed in a way that this version does not know`,
    advise: () => 'Upgrade Letterlock, or store it again.',
    remedies: setAgain,
    examples: [{ account: 4 }, { accounts: [4, 7] }],
  }),
}
