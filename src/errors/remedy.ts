// PURE. What a person can do about an error, as data: a closed list of actions with what they are done to. Each surface has its own words for
// them: the command that is typed on the server, and the page that does the same. Nothing else in the program names a command in an error.

/** What of an account may have to be corrected. */
export type AccountField = 'host' | 'port' | 'security' | 'username' | 'mailbox' | 'every' | 'after' | 'start' | 'ca'

export type Remedy =
  // Accounts
  | { action: 'set-password'; account: number }
  | { action: 'sign-in-with-oauth'; account: number; provider?: string; newClient?: boolean }
  | { action: 'edit-account'; account: number; fields: readonly AccountField[] }
  | { action: 'test-account'; account: number }
  | { action: 'poll-account'; account: number }
  | { action: 'resume-account'; account: number }
  | { action: 'show-account'; account: number }
  | { action: 'list-accounts' }
  | { action: 'accept-destination'; account: number }
  // Mail and tickets
  | { action: 'show-source'; source?: number }
  | { action: 'list-sources' }
  | { action: 'list-quarantine' }
  | { action: 'export-quarantined'; source: number }
  | { action: 'retry-quarantined'; source: number }
  | { action: 'list-tickets' }
  | { action: 'list-rules' }
  | { action: 'remove-rule'; rule: string }
  // People
  | { action: 'list-users' }
  | { action: 'set-user-password'; user: string }
  // Encryption
  | { action: 'show-encryption' }
  | { action: 'enable-encryption' }
  | { action: 'keep-encryption' }
  | { action: 'disable-encryption' }
  | { action: 'verify-backup' }
  | { action: 'recover-key' }
  | { action: 'confirm-key-states' }
  | { action: 'confirm-database' }
  | { action: 'use-service-user' }
  // The key files of this host
  | { action: 'move-file'; from: string; to: string }
  | { action: 'retire-and-move-file'; file: string; retired: string; next: string }
  | { action: 'exchange-files'; file: string; aside: string; from: string }
  | { action: 'remove-file'; file: string }
  | { action: 'set-mode'; file: string; mode: string; owner?: number }
  | { action: 'set-owner'; file: string; owner: number; mode?: string }
  | { action: 'show-path'; file: string }
  | { action: 'make-directory'; directory: string }
  | { action: 'make-key-file'; file: string; likeDirectory?: string }
  | { action: 'write-proof'; file: string; keyId: string }
  // The service and what it needs
  | { action: 'start-daemon' }
  | { action: 'start-embedded' }
  | { action: 'migrate' }
  | { action: 'show-migrations' }
  | { action: 'install-packages'; packages: readonly string[] }
  | { action: 'kill-processes'; pids: readonly number[] }
  | { action: 'forbid-eviction' }
  | { action: 'log-rows' }
  | { action: 'raise-packet-size' }
  | { action: 'grant-rights'; rights: string; on: string; to: string }

export type RemedyAction = Remedy['action']

/** A page that does what a remedy says. */
export interface PageLink {
  href: string
  /** The words of the button or the heading there. */
  words: string
}

interface Surfaces<R> {
  /** What to do, as a clause that begins a sentence. */
  words(remedy: R): string
  /** As it is typed on the server. */
  command(remedy: R): string
  page?(remedy: R): PageLink
}

type Of<A extends RemedyAction> = Extract<Remedy, { action: A }>

const placeholders: Readonly<Record<AccountField, string>> = {
  host: '--host HOST',
  port: '--port PORT',
  security: '--security tls',
  username: '--username NAME',
  mailbox: '--mailbox NAME',
  every: '--every 5m',
  after: '--after move:MAILBOX',
  start: '--start new',
  ca: '--ca FILE',
}

const fieldWords: Readonly<Record<AccountField, string>> = {
  host: 'the host',
  port: 'the port',
  security: 'the security',
  username: 'the user name',
  mailbox: 'the folders',
  every: 'the interval',
  after: 'what happens to mail on the server',
  start: 'which mail is read',
  ca: 'the CA certificate',
}

const edit = (account: number): PageLink => ({ href: `/accounts/${account}/edit`, words: 'Edit' })
const onAccount = (account: number, words: string): PageLink => ({ href: `/accounts/${account}`, words })
const encryption = (): PageLink => ({ href: '/server/encryption', words: 'Server > Encryption' })

/** `a`, `a and b` or `a, b and c`. */
function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

const surfaces: { readonly [A in RemedyAction]: Surfaces<Of<A>> } = {
  'set-password': {
    words: () => 'enter the password again',
    command: ({ account }) => `letterlock account set ${account} --password-stdin`,
    page: ({ account }) => edit(account),
  },
  'sign-in-with-oauth': {
    words: ({ newClient }) => (newClient ? 'sign in with the corrected client' : 'sign in with OAuth'),
    command: ({ account, provider = 'PROVIDER', newClient }) =>
      `letterlock account set ${account} --oauth ${provider}${newClient ? ' --client-id CLIENT --client-secret-file FILE' : ''}`,
  },
  'edit-account': {
    words: ({ fields }) => `correct ${listed(fields.map(field => fieldWords[field]))}`,
    command: ({ account, fields }) =>
      `letterlock account set ${account} ${fields.map(field => placeholders[field]).join(' ')}`,
    page: ({ account }) => edit(account),
  },
  'test-account': {
    words: () => 'test the connection',
    command: ({ account }) => `letterlock account test ${account}`,
    page: ({ account }) => onAccount(account, 'Test'),
  },
  'poll-account': {
    words: () => 'poll it then',
    command: ({ account }) => `letterlock account poll ${account}`,
    page: ({ account }) => onAccount(account, 'Poll now'),
  },
  'resume-account': {
    words: () => 'resume it first',
    command: ({ account }) => `letterlock account resume ${account}`,
    page: ({ account }) => onAccount(account, 'Resume'),
  },
  'show-account': {
    words: () => 'look at it',
    command: ({ account }) => `letterlock account show ${account}`,
    page: ({ account }) => onAccount(account, 'Account'),
  },
  'list-accounts': {
    words: () => 'see all accounts',
    command: () => 'letterlock account list',
    page: () => ({ href: '/accounts', words: 'Accounts' }),
  },
  'accept-destination': {
    words: () => 'accept the new destination if the change is right',
    command: ({ account }) => `letterlock encryption accept-destination ${account}`,
  },
  'show-source': {
    words: () => 'compare it with the stored mail',
    command: ({ source }) => `letterlock source show ${source ?? 'SOURCE'}`,
  },
  'list-sources': { words: () => 'see the newest mail', command: () => 'letterlock source list' },
  'list-quarantine': {
    words: () => 'see what is in quarantine',
    command: () => 'letterlock quarantine list',
    page: () => ({ href: '/quarantine', words: 'Quarantine' }),
  },
  'export-quarantined': {
    words: () => 'write the original to a file',
    command: ({ source }) => `letterlock quarantine export ${source}`,
    page: ({ source }) => ({ href: `/quarantine/${source}`, words: 'Download the original' }),
  },
  'retry-quarantined': {
    words: () => 'fetch it again',
    command: ({ source }) => `letterlock quarantine retry ${source}`,
    page: ({ source }) => ({ href: `/quarantine/${source}`, words: 'Try again' }),
  },
  'list-tickets': {
    words: () => 'see the newest tickets',
    command: () => 'letterlock ticket list',
    page: () => ({ href: '/tickets', words: 'Tickets' }),
  },
  'list-rules': { words: () => 'see all rules', command: () => 'letterlock rule list' },
  'remove-rule': { words: () => 'remove it first', command: ({ rule }) => `letterlock rule remove ${rule}` },
  'list-users': {
    words: () => 'see all users',
    command: () => 'letterlock user list',
    page: () => ({ href: '/server/users', words: 'Server > Users' }),
  },
  'set-user-password': {
    words: () => 'set a new password',
    command: ({ user }) => `letterlock user passwd ${user}`,
    page: () => ({ href: '/server/users', words: 'Server > Users' }),
  },
  'show-encryption': {
    words: () => 'see what is wrong',
    command: () => 'letterlock encryption status',
    page: encryption,
  },
  'enable-encryption': {
    words: () => 'enable encryption first',
    command: () => 'letterlock encryption enable',
    page: encryption,
  },
  'keep-encryption': {
    words: () => 'keep encryption enabled',
    command: () => 'letterlock encryption enable',
    page: encryption,
  },
  'disable-encryption': {
    words: () => 'disable encryption on this host',
    command: () => 'letterlock encryption disable',
    page: encryption,
  },
  'verify-backup': {
    words: () => 'copy the key file to another disk, then prove the copy',
    command: () => 'letterlock encryption backup --verify COPY',
  },
  'recover-key': {
    words: () => 'only if no copy of the key is left, go on with a new key',
    command: () => 'letterlock encryption recover',
  },
  'confirm-key-states': {
    words: () => 'put the line right (it says what it changes, and asks)',
    command: () => 'letterlock encryption confirm-state',
  },
  'confirm-database': {
    words: () => 'confirm what the database says',
    command: () => 'letterlock encryption confirm-state --database',
  },
  'use-service-user': {
    words: () => 'run the command as root or as the service user, or where systemd gives the key to the service, with',
    command: () => 'letterlock-admin encryption status',
  },
  'move-file': { words: () => 'move it into place', command: ({ from, to }) => `mv ${from} ${to}` },
  'retire-and-move-file': {
    words: () => 'if this stays, the daemon may not write there, so move the files yourself',
    command: ({ file, retired, next }) => `ln ${file} ${retired} && mv ${next} ${file}`,
  },
  'exchange-files': {
    words: () => 'put it in place; the other key becomes the next one',
    command: ({ file, aside, from }) => `mv ${file} ${aside} && cp -p ${from} ${file}`,
  },
  'remove-file': { words: () => 'remove it', command: ({ file }) => `rm ${file}` },
  'set-mode': {
    words: () => 'correct its mode',
    command: ({ file, mode, owner }) =>
      `${owner === undefined ? '' : `chown ${owner} ${file} && `}chmod ${mode} ${file}`,
  },
  'set-owner': {
    words: () => 'correct its owner',
    command: ({ file, owner, mode }) =>
      `chown ${owner} ${file}${mode === undefined ? '' : ` && chmod ${mode} ${file}`}`,
  },
  'show-path': { words: () => 'see which directory it is', command: ({ file }) => `namei -l ${file}` },
  'make-directory': {
    words: () => 'create the directory first',
    command: ({ directory }) => `install -d -m 0700 ${directory}`,
  },
  'make-key-file': {
    words: () => 'create the key file',
    command: ({ file, likeDirectory }) =>
      `(umask 077; head -c 32 /dev/urandom > ${file})${likeDirectory === undefined ? '' : ` && chown --reference=${likeDirectory} ${file}`}`,
  },
  'write-proof': {
    words: () => 'prove your access to the server’s files, then repeat this',
    command: ({ file, keyId }) => `echo ${keyId} > ${file}`,
  },
  'start-daemon': { words: () => 'start the daemon', command: () => 'systemctl start letterlock' },
  'start-embedded': { words: () => 'in a clone, start it in another terminal', command: () => 'npm start' },
  migrate: { words: () => 'bring the schema up to date', command: () => 'letterlock migrate' },
  'show-migrations': { words: () => 'look again', command: () => 'letterlock migrate --status' },
  'install-packages': {
    words: () => 'install them',
    command: ({ packages }) => `sudo apt-get install --no-install-recommends ${packages.join(' ')}`,
  },
  'kill-processes': {
    words: () => 'end it as the user it belongs to',
    command: ({ pids }) => `kill -9 ${pids.join(' ')}`,
  },
  'forbid-eviction': {
    words: () => 'forbid it, and write the same into redis.conf',
    command: () => 'redis-cli config set maxmemory-policy noeviction',
  },
  'log-rows': {
    words: () => 'have it log rows, here and in the configuration of the server and its replicas',
    command: () => "SET GLOBAL binlog_format = 'ROW'",
  },
  'raise-packet-size': {
    words: () => 'raise it, here and in the configuration of the server, then restart letterlock',
    command: () => 'SET GLOBAL max_allowed_packet = 67108864',
  },
  'grant-rights': {
    words: () => 'run as a database administrator',
    command: ({ rights, on, to }) => `GRANT ${rights} ON ${on} TO ${to};`,
  },
}

function surfacesOf(remedy: Remedy): Surfaces<Remedy> {
  return surfaces[remedy.action] as unknown as Surfaces<Remedy>
}

export function remedyWords(remedy: Remedy): string {
  return surfacesOf(remedy).words(remedy)
}

export function remedyCommand(remedy: Remedy): string {
  return surfacesOf(remedy).command(remedy)
}

/** Undefined where no page does it. */
export function remedyPage(remedy: Remedy): PageLink | undefined {
  return surfacesOf(remedy).page?.(remedy)
}
