// PURE. The catalogue's codes of what everybody needs: configuration, database, Redis, raw mail, the embedded servers, the web interface.
import { entry } from './entry.ts'
import { adviceForShortage, type Shortage } from './shortage.ts'

/** ` at HOST:PORT`, where it is known. */
function where(place: string | undefined): string {
  return place === undefined || place === '' ? '' : ` at ${place}`
}

function inBrackets(why: string | number | undefined): string {
  return why === undefined || why === '' ? '' : ` (${why})`
}

const readable = 'Check that it exists and that the service user may read it.'
const mailWaits = 'Mail waits on its servers and comes in later.'

type ConfigParams = {
  reason?: 'file_missing' | 'file_unreadable' | 'faults' | ConfigFault
  file?: string
  /** What is wrong with the settings, one each. */
  faults?: readonly string[]
  host?: string
  where?: string
}

export type ConfigFault =
  | 'redis_without_tls'
  | 's3_without_tls'
  | 'credentials_incomplete'
  | 'credentials_sections'
  | 'other_raw_store'
  | 'several_directories'
  | 'raw_store_race'

const configFaults: Readonly<Record<ConfigFault, { what(params: ConfigParams): string; advice: string }>> = {
  redis_without_tls: {
    what: () => 'the setting redis.url names another host without TLS',
    advice: 'Use rediss://, with redis.ca_file if its certificate is not from a public CA.',
  },
  s3_without_tls: {
    what: () => 'the setting raw.s3_endpoint must be https:// off this host',
    advice: 'Give the service a certificate, and name its CA in raw.s3_ca_file.',
  },
  credentials_incomplete: {
    what: ({ file }) => `the credentials file ${file} lacks a key`,
    advice: 'It needs the lines aws_access_key_id = … and aws_secret_access_key = ….',
  },
  credentials_sections: {
    what: ({ file }) => `the credentials file ${file} has several sections`,
    advice: 'Leave the one that Letterlock is to use.',
  },
  other_raw_store: {
    what: params => `the mail of this database does not lie in ${params.where}`,
    advice:
      'Point data.directory (or raw.s3_bucket and raw.s3_prefix) at the place where it lies. Several hosts need one bucket, or one shared directory and raw.shared = true.',
  },
  several_directories: {
    what: ({ host }) => `host ${host} works on this database too, and raw mail is kept in a local directory`,
    advice:
      'Stop Letterlock there, or keep raw mail in a bucket (raw.s3_bucket), or share the directory among the hosts and set raw.shared = true on each.',
  },
  raw_store_race: {
    what: () => 'another host began to keep mail for this database at the same moment',
    advice: 'Start this host again.',
  },
}

export type S3Fault =
  | 'no_bucket'
  | 'access_denied'
  | 'unknown_key'
  | 'wrong_secret'
  | 'expired_token'
  | 'no_credentials'
  | 'clock'
  | 'other_region'
  | 'no_region'
  | 'too_large'
  | 'slow_down'
  | 'no_answer'
  | 'untrusted'
  | 'unreachable'
  | 'unknown_answer'

const checkCredentials = 'Check raw.s3_credentials_file, or what the instance’s own role may do.'
const checkEndpoint = `Check raw.s3_endpoint, the network and the firewall. ${mailWaits}`

const s3Faults: Readonly<Record<S3Fault, { what: string; advice: string }>> = {
  no_bucket: {
    what: 'there is no such bucket',
    advice: 'Create it, or correct raw.s3_bucket, raw.s3_region and raw.s3_endpoint.',
  },
  access_denied: {
    what: 'access is denied',
    advice:
      'The credentials need s3:PutObject, s3:GetObject and s3:DeleteObject on the prefix, and s3:ListBucket on the bucket.',
  },
  unknown_key: { what: 'the access key is not known', advice: checkCredentials },
  wrong_secret: { what: 'the secret key is wrong', advice: checkCredentials },
  expired_token: { what: 'the session token has expired', advice: checkCredentials },
  no_credentials: {
    what: 'there are no credentials',
    advice: 'Name a file in raw.s3_credentials_file, or give the instance a role.',
  },
  clock: { what: 'the clocks differ too much', advice: 'Let this host take its time from NTP.' },
  other_region: { what: 'the bucket is in another region', advice: 'Correct raw.s3_region or raw.s3_endpoint.' },
  no_region: { what: 'no region is known', advice: 'Set raw.s3_region.' },
  too_large: {
    what: 'the object is too large for the service',
    advice: 'Lower mail.max_bytes and poll.batch_bytes.',
  },
  slow_down: { what: 'the service asks to come slower', advice: mailWaits },
  no_answer: { what: 'no answer in time', advice: checkEndpoint },
  untrusted: {
    what: 'its certificate is not trusted',
    advice: 'Renew it, use the right name in raw.s3_endpoint, or give its CA in raw.s3_ca_file.',
  },
  unreachable: { what: 'it cannot be reached', advice: checkEndpoint },
  unknown_answer: {
    what: 'the service answered something unknown',
    advice: `The log of the service says more. ${mailWaits}`,
  },
}

type RawParams = {
  where?: string
  reason?: S3Fault | 'disk' | 'directory' | 'changed_on_the_way' | 'removed_meanwhile'
  /** The error's code, as ENOSPC or ECONNREFUSED, or an HTTP status. */
  why?: string
}

function rawWords(verb: 'read' | 'written', params: RawParams): string {
  const { reason = 'unknown_answer', why } = params
  if (reason === 'disk') return `raw mail cannot be ${verb}${inBrackets(why)}`
  if (reason === 'directory') return `raw mail cannot be kept in ${params.where}${inBrackets(why)}`
  if (reason === 'changed_on_the_way') return `the bucket ${params.where} kept other bytes than it was given`
  if (reason === 'removed_meanwhile') return `a raw batch without rows was removed from ${params.where} meanwhile`
  const what =
    reason === 'unknown_answer' && why ? `the service answered ${why}` : `${s3Faults[reason].what}${inBrackets(why)}`
  return `raw mail cannot be ${verb} in ${params.where ?? 'its store'}: ${what}`
}

function diskAdvice(why: string | undefined, directory: string | undefined): string {
  if (why === 'ENOSPC' || why === 'EDQUOT') return `Free space on the disk of ${directory}.`
  if (why === 'EROFS')
    return `The file system of ${directory} is mounted read-only: look for disk errors in the log of the kernel, and mount it writable again.`
  if (why === 'EIO') return `The disk of ${directory} fails: look at the log of the kernel, and replace it.`
  return `Check the free space and the permissions of ${directory}.`
}

function rawAdvice({ reason = 'unknown_answer', where: directory, why }: RawParams): string {
  if (reason === 'disk') return `${adviceForShortage(why) ?? diskAdvice(why, directory)} ${mailWaits}`
  if (reason === 'directory') return 'Check that the directory exists and belongs to the service user (data.directory).'
  if (reason === 'changed_on_the_way')
    return 'Something between this host and the service changes what is sent, or the service is at fault.'
  if (reason === 'removed_meanwhile') return 'The next poll fetches the mail again and archives it anew.'
  return s3Faults[reason].advice
}

const redisRefusals = {
  replica: {
    what: 'takes no writes: it is a replica',
    advice: 'Name the primary in redis.url, or the Sentinels: redis-sentinel://host:26379,host:26379/0#NAME.',
  },
  memory: {
    what: 'takes no writes: it has used all memory that it may (maxmemory)',
    advice: 'Raise maxmemory, or find out what else fills it.',
  },
  disk: {
    what: 'takes no writes: it cannot write to its disk',
    advice: 'Free space on the disk of Redis; its log says more.',
  },
  loading: { what: 'takes no writes yet: it starts, or waits for its replicas', advice: 'Wait until it is ready.' },
} as const

/** The schema's statement as the log shows it: verb and table. */
type DatabaseParams = { where?: string; why?: string; statement?: string }

export const serviceEntries = {
  'config.invalid': entry<ConfigParams>({
    title: 'Configuration refused',
    explain: params => {
      const { reason = 'faults', file, faults = [] } = params
      if (reason === 'file_missing') return `the configuration file ${file} does not exist`
      if (reason === 'file_unreadable') return `the configuration file ${file} cannot be read`
      if (reason !== 'faults') return configFaults[reason].what(params)
      const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`
      return `the configuration has ${count}:\n${faults.map(fault => `  ${fault}`).join('\n')}`
    },
    advise: ({ reason = 'faults' }) => {
      if (reason === 'faults') return 'Correct what is listed; config/default.toml shows every name with its default.'
      return reason === 'file_missing' || reason === 'file_unreadable'
        ? 'Check the configured path: the option for it, or LETTERLOCK_CONFIG.'
        : configFaults[reason].advice
    },
    examples: [
      { reason: 'faults', faults: ['poll.concurrency (letterlock.toml): must be at least 1'] },
      { reason: 'file_missing', file: '/etc/letterlock/letterlock.toml' },
      { reason: 'redis_without_tls' },
      { reason: 's3_without_tls' },
      { reason: 'credentials_incomplete', file: '/etc/letterlock/s3' },
      { reason: 'credentials_sections', file: '/etc/letterlock/s3' },
      { reason: 'other_raw_store', where: '/var/lib/letterlock/raw' },
      { reason: 'several_directories', host: 'mail2' },
      { reason: 'raw_store_race' },
    ],
  }),
  'config.unreadable': entry<{ file: string; kind: 'CA' | 'password' | 'credentials' }>({
    title: 'Configured file unreadable',
    explain: ({ file, kind }) => `the ${kind} file ${file} cannot be read`,
    advise: ({ kind }) =>
      kind === 'CA'
        ? 'Check ca_file: that it exists and that the service user may read it.'
        : kind === 'password'
          ? `${readable} What systemd gives to the service is visible to letterlock-admin only.`
          : readable,
    examples: [{ file: '/etc/letterlock/database-password', kind: 'password' }],
  }),
  'db.access_denied': entry<DatabaseParams & { reason?: 'no_tls' }>({
    title: 'Database refuses the connection',
    explain: ({ where: place, why, reason }) =>
      reason === 'no_tls'
        ? `the database${where(place)} offers no TLS that can be trusted${inBrackets(why)}`
        : `the database${where(place)} refused the connection${inBrackets(why)}`,
    advise: ({ reason }) =>
      reason === 'no_tls'
        ? 'Off this host TLS is required: enable it on the server and name its CA in database.ca_file.'
        : 'Check the user and the database name in database.url, and database.password_file. The password file is read again at every attempt.',
    examples: [
      { where: 'db.example.com:3306', why: 'ER_ACCESS_DENIED_ERROR' },
      { where: 'db.example.com:3306', reason: 'no_tls' },
    ],
  }),
  'db.constraint': entry<DatabaseParams>({
    title: 'Value refused by the schema',
    explain: () => 'the database refused a value (a check of the schema)',
    examples: [{}],
  }),
  'db.failed': entry<DatabaseParams & { reason?: 'scrub_disk_full' | 'migrating' | 'restoring' }>({
    title: 'Statement refused',
    explain: ({ why, statement = '', reason }) => {
      if (reason === 'scrub_disk_full') return 'the disk of the database server is full'
      if (reason === 'migrating') return 'another host has been migrating this database for a minute'
      if (reason === 'restoring') return 'a backup is being loaded into this database, or its loading broke off'
      return `the database refused a statement (${why ?? 'unknown'}${statement})`
    },
    advise: ({ reason }) => {
      if (reason === 'scrub_disk_full') return 'The scratch table is removed; free some space and run the scrub again.'
      if (reason === 'restoring') return 'Wait until it is done, or restore the backup again.'
      return reason === 'migrating'
        ? 'Wait until it is done.'
        : 'The database’s log says more: look for a trigger, a missing right or a broken table.'
    },
    remedies: ({ reason }) => (reason === 'migrating' ? [{ action: 'show-migrations' }] : []),
    examples: [
      { why: 'ER_SIGNAL_EXCEPTION' },
      { reason: 'scrub_disk_full' },
      { reason: 'migrating' },
      { reason: 'restoring' },
    ],
  }),
  'db.full': entry<DatabaseParams>({
    title: 'Database full',
    explain: ({ where: place, why, statement = '' }) =>
      `the database${where(place)} has no room to write (${why ?? 'unknown'}${statement})`,
    advise: () =>
      'Free space on the disk of the database server (its data, temporary files and binary logs), or give it more memory. All mail waits on its servers and comes in automatically then.',
    examples: [{ why: 'ER_DISK_FULL' }],
  }),
  'db.read_only': entry<DatabaseParams>({
    title: 'Database read-only',
    explain: ({ where: place, why, statement = '' }) =>
      `the database${where(place)} takes no writes: it is read-only (${why ?? 'unknown'}${statement})`,
    advise: () =>
      'Is it a replica, or was it made read-only (the variable read_only)? Make it writable, or name the primary in database.url, or all servers of the cluster: mysql://letterlock@db1,db2/letterlock. Mail waits on its servers and comes in automatically then.',
    examples: [{ why: 'ER_OPTION_PREVENTS_STATEMENT' }],
  }),
  'db.schema_new': entry<{ found: number; worksFrom: number; needed: number }>({
    title: 'Schema too new',
    explain: ({ found, worksFrom, needed }) =>
      `the schema is version ${found} and works with programs from ${worksFrom} on, this one is ${needed}`,
    advise: () => 'Upgrade Letterlock on this host.',
    examples: [{ found: 12, worksFrom: 11, needed: 9 }],
  }),
  'db.schema_old': entry<{ found?: number; needed: number }>({
    title: 'Schema too old',
    explain: ({ found, needed }) =>
      found === undefined
        ? 'the database has no schema yet'
        : `the schema is version ${found}, this program needs ${needed}`,
    remedies: () => [{ action: 'migrate' }],
    examples: [{ needed: 9 }, { found: 8, needed: 9 }],
  }),
  'db.unreachable': entry<DatabaseParams>({
    title: 'Database unreachable',
    explain: ({ where: place, why }) => `the database${where(place)} cannot be reached${inBrackets(why)}`,
    advise: ({ why }) =>
      adviceForShortage(why) ?? 'Check that it runs and that database.url names its host and port or its socket.',
    examples: [
      { where: 'db.example.com:3306', why: 'ECONNREFUSED' },
      { where: 'db.example.com:3306', why: 'EMFILE' },
    ],
  }),
  'db.unsupported': entry<{ version?: string; reason?: 'logs_statements' }>({
    title: 'Database server unsupported',
    explain: ({ version, reason }) =>
      reason === 'logs_statements'
        ? 'the database server writes its binary log with binlog_format = STATEMENT'
        : `the database server is ${version}`,
    advise: ({ reason }) =>
      reason === 'logs_statements' ? '' : 'Letterlock needs MySQL 8.0.16 or MariaDB 10.6, or newer.',
    remedies: ({ reason }) => (reason === 'logs_statements' ? [{ action: 'log-rows' }] : []),
    examples: [{ version: '5.7.44' }, { reason: 'logs_statements' }],
  }),
  'embedded.failed': entry<{
    reason: 'no_data_directory' | 'not_started' | 'directory_taken' | 'does_not_end'
    directory?: string
    server?: string
    why?: string
    logFile?: string
    pids?: readonly number[]
  }>({
    title: 'Embedded server failed',
    explain: ({ reason, directory, server, why, pids = [] }) => {
      if (reason === 'no_data_directory') return 'the data directory of the embedded MariaDB could not be made'
      if (reason === 'not_started') return `the embedded ${server} did not start: ${why}`
      if (reason === 'does_not_end') return `process ${pids.join(', ')} does not end`
      return `${pids.length === 0 ? 'another process' : `process ${pids.join(', ')}`} already runs servers on ${directory}`
    },
    advise: ({ reason, directory, logFile }) => {
      if (reason === 'no_data_directory') return `Check the free space and the permissions of ${directory}.`
      if (reason === 'not_started') return `See ${logFile}.`
      return reason === 'directory_taken'
        ? 'Stop it first, or give this one a directory of its own (LETTERLOCK_DATA_DIRECTORY).'
        : ''
    },
    remedies: ({ reason, pids = [] }) => (reason === 'does_not_end' ? [{ action: 'kill-processes', pids }] : []),
    examples: [
      { reason: 'no_data_directory', directory: 'data/embedded' },
      {
        reason: 'not_started',
        server: 'MariaDB',
        why: 'it ended while it started',
        logFile: 'data/embedded/mariadb.log',
      },
      { reason: 'directory_taken', directory: 'data/embedded', pids: [4711] },
      { reason: 'does_not_end', pids: [4711] },
    ],
  }),
  'embedded.not_running': entry<{ directory?: string; reason?: 'starting' }>({
    title: 'No embedded servers',
    explain: ({ directory, reason }) =>
      reason === 'starting'
        ? 'Letterlock is starting'
        : `no database: database.url is empty and nothing runs on ${directory}`,
    advise: ({ reason }) =>
      reason === 'starting'
        ? ''
        : 'Name a server of your own in database.url (LETTERLOCK_DATABASE_URL), or use the embedded one.',
    remedies: ({ reason }) => (reason === 'starting' ? [] : [{ action: 'start-embedded' }]),
    examples: [{ directory: 'data' }, { reason: 'starting' }],
  }),
  'embedded.programs_missing': entry<{
    programs: readonly string[]
    packages: readonly string[]
    /** What apt-get said last. */
    why?: string
  }>({
    title: 'Programs missing',
    explain: ({ programs, packages, why }) =>
      why === undefined
        ? `programs are missing that the embedded servers need: ${programs.join(', ')}`
        : `apt-get could not install ${packages.join(', ')}: ${why}`,
    advise: ({ packages }) =>
      packages.includes('dovecot-imapd')
        ? 'Debian then runs a Dovecot of its own: stop and disable its service (dovecot).'
        : 'Or name servers of your own in database.url and redis.url.',
    remedies: ({ packages }) => [{ action: 'install-packages', packages }],
    examples: [{ programs: ['mariadbd'], packages: ['mariadb-server'] }],
  }),
  'host.exhausted': entry<{ why: Shortage }>({
    title: 'Host exhausted',
    explain: ({ why }) => `this host has nothing left to open a connection with (${why})`,
    advise: ({ why }) => `${adviceForShortage(why)} Mail waits on its servers and comes in later.`,
    examples: [{ why: 'EMFILE' }, { why: 'ENFILE' }, { why: 'ENOMEM' }],
  }),
  internal: entry<Record<string, never>>({
    title: 'Fault of Letterlock',
    explain: () => 'something unexpected failed',
    advise: () => 'This is a fault of Letterlock: see the log, and report it.',
    examples: [{}],
  }),
  'raw.damaged': entry<{ where: string; batch: string; why: string }>({
    title: 'Raw mail damaged',
    explain: params => `raw batch ${params.batch} in ${params.where}: ${params.why}`,
    advise: () =>
      'Check that this is the raw store that the daemon uses; if it is, restore it from its backup (docs/restore.md).',
    examples: [{ where: '/var/lib/letterlock/raw', batch: '2026-11-23/1f6b', why: 'it is missing' }],
  }),
  'raw.missing': entry<{ where: string }>({
    title: 'Raw mail missing',
    explain: params => `the raw mail of this database is not in ${params.where}`,
    advise: () =>
      'Mount or restore the directory that holds it, or point data.directory (or raw.s3_bucket and raw.s3_prefix) at it. Nothing is read from mail servers meanwhile; the daemon goes on automatically.',
    examples: [{ where: '/var/lib/letterlock/raw' }],
  }),
  'raw.unreadable': entry<RawParams>({
    title: 'Raw mail cannot be read',
    explain: params => rawWords('read', params),
    advise: rawAdvice,
    examples: [
      { where: 's3://mail/raw/', reason: 'unreachable', why: 'ECONNREFUSED' },
      { where: '/var/lib/letterlock/raw', reason: 'removed_meanwhile' },
    ],
  }),
  'raw.unwritable': entry<RawParams>({
    title: 'Raw mail cannot be written',
    explain: params => rawWords('written', params),
    advise: rawAdvice,
    examples: [
      { where: '/var/lib/letterlock/raw', reason: 'disk', why: 'ENOSPC' },
      { where: '/var/lib/letterlock/raw', reason: 'disk', why: 'EROFS' },
      { where: '/var/lib/letterlock/raw', reason: 'disk', why: 'EIO' },
      { where: '/var/lib/letterlock/raw', reason: 'disk', why: 'EACCES' },
      { where: '/var/lib/letterlock/raw', reason: 'directory', why: 'EACCES' },
      { where: 's3://mail/raw/', reason: 'no_bucket' },
      { where: 's3://mail/raw/', reason: 'access_denied' },
      { where: 's3://mail/raw/', reason: 'unknown_key' },
      { where: 's3://mail/raw/', reason: 'no_credentials' },
      { where: 's3://mail/raw/', reason: 'clock' },
      { where: 's3://mail/raw/', reason: 'other_region' },
      { where: 's3://mail/raw/', reason: 'no_region' },
      { where: 's3://mail/raw/', reason: 'too_large' },
      { where: 's3://mail/raw/', reason: 'slow_down' },
      { where: 's3://mail/raw/', reason: 'no_answer' },
      { where: 's3://mail/raw/', reason: 'untrusted' },
      { where: 's3://mail/raw/', reason: 'unknown_answer', why: 'InternalError 500' },
      { where: 's3://mail/raw/', reason: 'changed_on_the_way' },
    ],
  }),
  'redis.access_denied': entry<{ where?: string; why?: string }>({
    title: 'Redis refuses the connection',
    explain: ({ where: place, why }) => `Redis${where(place)} refused the connection${inBrackets(why)}`,
    advise: () => 'Check redis.password_file and the user in redis.url.',
    examples: [{ why: 'WRONGPASS' }],
  }),
  'redis.evicting': entry<{ policy: string }>({
    title: 'Redis may evict keys',
    explain: ({ policy }) => `Redis may evict keys (maxmemory-policy is ${policy})`,
    remedies: () => [{ action: 'forbid-eviction' }],
    examples: [{ policy: 'allkeys-lru' }],
  }),
  'redis.unreachable': entry<{ where?: string; why?: string; reason?: 'queue' | 'sign_ins' | 'tests' }>({
    title: 'Redis unreachable',
    explain: ({ where: place, why, reason }) => {
      if (reason === 'queue') return 'the queue in Redis cannot be reached'
      if (reason === 'sign_ins') return 'Redis cannot be reached, so attempts to sign in cannot be counted'
      if (reason === 'tests') return 'Redis cannot be reached, so tests cannot be counted'
      return `Redis${where(place)} cannot be reached${inBrackets(why)}`
    },
    advise: ({ reason }) =>
      reason === undefined
        ? 'Check that it runs and that redis.url names its host and port or its socket.'
        : 'Check that Redis runs; everything goes on once it is back.',
    examples: [{ where: 'localhost:6379', why: 'ECONNREFUSED' }, { reason: 'queue' }],
  }),
  'redis.unsupported': entry<{ server: string }>({
    title: 'Redis server unsupported',
    explain: ({ server }) => `the Redis server is ${server}`,
    advise: () => 'Letterlock needs Redis 6.2 or Valkey 7.2, or newer.',
    examples: [{ server: 'Redis 5.0.14' }],
  }),
  'redis.unwritable': entry<{ where?: string; reason: 'replica' | 'memory' | 'disk' | 'loading' }>({
    title: 'Redis takes no writes',
    explain: ({ where: place, reason }) => `Redis${where(place)} ${redisRefusals[reason].what}`,
    advise: ({ reason }) => `${redisRefusals[reason].advice} Mail comes in meanwhile, if later.`,
    examples: [{ reason: 'replica' }, { reason: 'memory' }, { reason: 'disk' }, { reason: 'loading' }],
  }),
  'vault.locked': entry<{ file?: string }>({
    title: 'Sealed passwords cannot be opened',
    explain: ({ file }) =>
      file === undefined ? 'sealed passwords cannot be opened' : `the key file ${file} cannot be read at the moment`,
    advise: ({ file }) =>
      file === undefined ? '' : 'Raise the limit of open files (LimitNOFILE in the unit), or end what uses them up.',
    remedies: ({ file }) => (file === undefined ? [{ action: 'show-encryption' }] : []),
    examples: [{}, { file: '/var/lib/letterlock/encryption-key.bin' }],
  }),
  'web.busy': entry<Record<string, never>>({
    title: 'Web interface busy',
    explain: () => 'too many passwords are being checked',
    advise: () => 'Try again in a moment.',
    examples: [{}],
  }),
  'web.starting': entry<Record<string, never>>({
    title: 'Web interface starting',
    explain: () => 'Letterlock is starting',
    advise: () => 'Try again in a moment.',
    examples: [{}],
  }),
  'web.unavailable': entry<{
    reason: 'address_in_use' | 'address_unusable' | 'file_unreadable' | 'certificate_unusable'
    address?: string
    file?: string
  }>({
    title: 'Web interface unavailable',
    explain: ({ reason, address, file }) => {
      if (reason === 'file_unreadable') return `the file ${file} cannot be read`
      if (reason === 'certificate_unusable') return `the certificate ${file} or its key cannot be used`
      const why = reason === 'address_in_use' ? 'is in use by another program' : 'cannot be listened on'
      return `the address ${address} of the web interface ${why}`
    },
    advise: ({ reason }) => {
      if (reason === 'file_unreadable')
        return 'Check web.tls_cert_file and web.tls_key_file: that they exist and that the service user may read them. Mail is read meanwhile.'
      if (reason === 'certificate_unusable')
        return 'Check that both files are there, belong together and are in PEM format. The certificate from before stays in use until a restart.'
      return 'Is another Letterlock running? Otherwise set web.listen (LETTERLOCK_WEB_LISTEN) to another port. Mail is read meanwhile.'
    },
    examples: [
      { reason: 'address_in_use', address: '127.0.0.1:8025' },
      { reason: 'file_unreadable', file: '/etc/letterlock/cert.pem' },
      { reason: 'certificate_unusable', file: '/etc/letterlock/cert.pem' },
    ],
  }),
}
