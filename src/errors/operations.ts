// PURE. The catalogue's codes of operations that are refused: nothing was done, and the caller is told why. `status` says what kind of
// refusal it is, for exit codes, pages and the API.

import { entry } from './entry.ts'
import type { DestinationFault } from './mail.ts'
import { destinationFaults, type SecretWord } from './mail.ts'

const lookAgain = 'Look again, and repeat it if it is still wanted.'

type OfKeyFile = { file: string }

export type ProofFault = 'absent' | 'no_file' | 'unreadable' | 'empty' | 'other_key' | 'too_old'

const proofFaults: Readonly<Record<ProofFault, string>> = {
  absent: 'is not there',
  no_file: 'is no regular file',
  unreadable: 'cannot be read, or is too long to be one',
  empty: 'is empty',
  other_key: 'names another key',
  too_old: 'was not written recently enough',
}

function inMiB(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`
}

export const operationEntries = {
  'account.address_taken': entry<{ account: number }>({
    title: 'Address taken',
    explain: ({ account }) => `the address is account ${account} already`,
    advise: () => 'Change that account, or remove it first.',
    remedies: ({ account }) => [{ action: 'show-account', account }],
    examples: [{ account: 4 }],
  }),
  'account.ambiguous': entry<{ which: string; accounts: readonly number[] }>({
    title: 'Several accounts',
    explain: ({ which }) => `several accounts have the address ${which}`,
    advise: ({ accounts }) => `Name one by its id: ${accounts.join(', ')}.`,
    examples: [{ which: 'support@example.com', accounts: [4, 7] }],
  }),
  'account.changed_meanwhile': entry<{ account: number }>({
    title: 'Destination changed meanwhile',
    explain: ({ account }) => `somebody changed the destination of account ${account} meanwhile: nothing was done`,
    advise: () => 'Find out who writes to the table.',
    remedies: ({ account }) => [{ action: 'show-account', account }],
    examples: [{ account: 4 }],
  }),
  'account.destination_refused': entry<{ who: string; reason: DestinationFault; value: string }>({
    title: 'Destination refused',
    explain: ({ who, reason, value }) => `${who}: ${destinationFaults[reason](value)}`,
    advise: () => 'Correct it: nothing was written.',
    examples: [{ who: 'account 4', reason: 'host', value: 'imap example' }],
  }),
  'account.not_found': entry<{ which: string | number }>({
    title: 'No such account',
    status: 404,
    explain: ({ which }) => `there is no account ${which}`,
    remedies: () => [{ action: 'list-accounts' }],
    examples: [{ which: 4 }],
  }),
  'account.paused': entry<{ account: number }>({
    title: 'Account paused',
    explain: ({ account }) => `account ${account} is paused`,
    remedies: ({ account }) => [{ action: 'resume-account', account }],
    examples: [{ account: 4 }],
  }),
  'account.server_not_seen': entry<{ account: number; server: string }>({
    title: 'Mail server not seen',
    explain: ({ account, server }) =>
      `no mail of account ${account} shows that its own side writes as ${server || "''"}`,
    advise: () => 'Confirm the server that the account shows, or add another one to its trusted mail servers.',
    remedies: ({ account }) => [{ action: 'show-account', account }],
    examples: [{ account: 4, server: 'mx.example.com' }],
  }),
  'account.secret_needed': entry<{ account: number; part: string; secret: 'password' | 'oauth' }>({
    title: 'Password needed',
    explain: ({ account, part, secret }) =>
      `the ${part} of account ${account} cannot be changed without ${secret === 'password' ? 'its password' : 'signing in again'}`,
    advise: ({ secret }) =>
      secret === 'password'
        ? 'Give the password too: a stored one is never sent to another server.'
        : 'Sign in with OAuth in the same step: stored tokens are never sent to another server.',
    remedies: ({ account, secret }) => [
      secret === 'password' ? { action: 'set-password', account } : { action: 'sign-in-with-oauth', account },
    ],
    examples: [
      { account: 4, part: 'host', secret: 'password' },
      { account: 4, part: 'host', secret: 'oauth' },
    ],
  }),
  'account.too_many_tests': entry<Record<string, never>>({
    title: 'Too many tests',
    explain: () => 'too many mail servers were tested in a short time',
    advise: () => 'Wait a few minutes.',
    examples: [{}],
  }),
  'backup.damaged': entry<{ directory: string; batch: string }>({
    title: 'Backup damaged',
    explain: ({ directory, batch }) => `raw batch ${batch} in ${directory} is not what was copied`,
    advise: () => 'Use another copy of the backup, and verify it first.',
    examples: [{ directory: '/srv/backup', batch: '2026-11-23/1f6b' }],
  }),
  'backup.no_mail': entry<{ where: string }>({
    title: 'No raw mail yet',
    explain: ({ where }) => `there is no raw mail in ${where} yet`,
    advise: () => 'Start the daemon once before the first backup, and back up with the settings of the service.',
    examples: [{ where: '/var/lib/letterlock/raw' }],
  }),
  'backup.not_found': entry<{ directory: string; id?: string; reason?: 'unreadable' }>({
    title: 'No such backup',
    status: 404,
    explain: ({ directory, id, reason }) =>
      reason === 'unreadable'
        ? `the manifest of backup ${id} in ${directory} cannot be read`
        : `there is no complete backup ${id === undefined ? '' : `${id} `}in ${directory}`,
    advise: () => 'Name the directory that holds the backups. One whose name ends in .incomplete broke off.',
    examples: [
      { directory: '/srv/backup' },
      { directory: '/srv/backup', id: '2026-11-29T021500Z', reason: 'unreadable' },
    ],
  }),
  'backup.other_installation': entry<{ directory: string; storeId: string; owner: string }>({
    title: 'Backup directory of another installation',
    explain: ({ directory, storeId, owner }) =>
      `the directory ${directory} holds backups of another installation: its raw mail has the id ${owner}, here it is ${storeId}`,
    advise: () => 'Name a directory of its own for each installation.',
    examples: [{ directory: '/srv/backup', storeId: '5b1f0c66', owner: 'c0ffee12' }],
  }),
  'backup.tool_failed': entry<{ tool: string; why: string }>({
    title: 'Database tool failed',
    explain: ({ tool, why }) => `${tool} failed${why === '' ? '' : `: ${why}`}`,
    advise: () => 'Correct the cause and repeat the command.',
    examples: [{ tool: 'mariadb-dump', why: 'Got error: 2002' }],
  }),
  'backup.tool_missing': entry<{ tool: string }>({
    title: 'Database tool missing',
    explain: ({ tool }) => `${tool} is not installed`,
    advise: () => 'Install the client of your database server, on Debian mariadb-client or default-mysql-client.',
    examples: [{ tool: 'mariadb-dump' }],
  }),
  'backup.unwritable': entry<{ directory: string; why: string }>({
    title: 'Backup cannot be written',
    explain: ({ directory, why }) => `the directory ${directory} cannot be written${why === '' ? '' : ` (${why})`}`,
    advise: () => 'Check the free space and the permissions: the service user must be able to write there.',
    examples: [{ directory: '/srv/backup', why: 'ENOSPC' }],
  }),
  'encryption.backup_absent': entry<OfKeyFile>({
    title: 'No such copy',
    explain: ({ file }) => `there is no file ${file}`,
    advise: () => 'Check the path.',
    examples: [{ file: '/media/usb/encryption-key.bin' }],
  }),
  'encryption.backup_other_key': entry<OfKeyFile & { keyId: string; wanted: string; keyFile: string }>({
    title: 'Copy of another key',
    explain: ({ file, keyId, wanted }) => `the file ${file} is the key ${keyId}, and the one in use is ${wanted}`,
    advise: ({ keyFile }) => `Copy ${keyFile} again.`,
    examples: [
      {
        file: '/media/usb/encryption-key.bin',
        keyId: '77aa01c2d3e4f506',
        wanted: '1c24c9422600865d',
        keyFile: '/var/lib/letterlock/encryption-key.bin',
      },
    ],
  }),
  'encryption.backup_refused': entry<OfKeyFile>({
    title: 'No copy of the key',
    explain: ({ file }) => `the file ${file} is no copy of the key`,
    examples: [{ file: '/media/usb/encryption-key.bin' }],
  }),
  'encryption.backup_same_file': entry<OfKeyFile>({
    title: 'The key file itself',
    explain: ({ file }) => `the file ${file} is the key file itself`,
    advise: () => 'Copy it to another disk, and verify that copy.',
    examples: [{ file: '/var/lib/letterlock/encryption-key.bin' }],
  }),
  'encryption.cannot_be_disabled': entry<{ state: string }>({
    title: 'Encryption cannot be disabled now',
    explain: ({ state }) =>
      state === 'off' ? 'encryption is off already' : `encryption is ${state} and cannot be disabled now`,
    advise: ({ state }) => (state === 'rotating' ? 'Wait until the rotation is through.' : ''),
    remedies: ({ state }) => (state === 'rotating' ? [] : [{ action: 'show-encryption' }]),
    examples: [{ state: 'off' }, { state: 'rotating' }],
  }),
  'encryption.cannot_rotate': entry<{ state: string }>({
    title: 'Key cannot be rotated now',
    explain: ({ state }) => `encryption is ${state}: a key is rotated only while it is on`,
    remedies: () => [{ action: 'show-encryption' }],
    examples: [{ state: 'sealing' }],
  }),
  'encryption.changed_meanwhile': entry<{ reason: 'disabled' | 'key' | 'file'; file?: string }>({
    title: 'Changed in this moment',
    explain: ({ reason, file }) => {
      if (reason === 'disabled') return 'encryption was disabled in this moment'
      return reason === 'key'
        ? 'the key changed in this moment, or its state is in doubt'
        : `the key file ${file} has appeared in this moment`
    },
    advise: ({ reason }) => (reason === 'key' ? '' : lookAgain),
    remedies: ({ reason }) => (reason === 'key' ? [{ action: 'show-encryption' }] : []),
    examples: [
      { reason: 'disabled' },
      { reason: 'key' },
      { reason: 'file', file: '/var/lib/letterlock/encryption-key.bin' },
    ],
  }),
  'encryption.in_doubt': entry<Record<string, never>>({
    title: 'Key states in doubt',
    explain: () => 'what the database says of the keys is in doubt',
    remedies: () => [{ action: 'show-encryption' }],
    examples: [{}],
  }),
  'encryption.key_file_not_made': entry<OfKeyFile & { why: string; directory?: string }>({
    title: 'Key file cannot be made',
    explain: ({ file, why }) => `the key file ${file} cannot be made (${why})`,
    advise: ({ directory }) =>
      directory === undefined ? 'Repeat it on the server, as root or as the service user, and check the disk.' : '',
    remedies: ({ directory }) => (directory === undefined ? [] : [{ action: 'make-directory', directory }]),
    examples: [
      { file: '/var/lib/letterlock/encryption-key.bin', why: 'EACCES' },
      { file: '/srv/keys/encryption-key.bin', why: 'ENOENT', directory: '/srv/keys' },
    ],
  }),
  'encryption.key_file_refused': entry<Record<string, never>>({
    title: 'Key file refused',
    explain: () => 'the key file in place is refused',
    examples: [{}],
  }),
  'encryption.key_not_lost': entry<OfKeyFile & { keyId: string }>({
    title: 'Key is not lost',
    explain: ({ keyId }) => `the key ${keyId} is not lost: its file is here`,
    advise: ({ file }) => `Put it at ${file}: nothing more is needed.`,
    examples: [{ keyId: '1c24c9422600865d', file: '/var/lib/letterlock/encryption-key.bin' }],
  }),
  'encryption.key_used_before': entry<{ keyId: string }>({
    title: 'Key was in use before',
    explain: ({ keyId }) => `the key ${keyId} cannot be adopted: it was in use before`,
    advise: () => 'Make a new key, and put that in its place.',
    examples: [{ keyId: '1c24c9422600865d' }],
  }),
  'encryption.keys_read_only': entry<{ directory: string; name: string }>({
    title: 'Keys given by systemd',
    explain: ({ directory }) => `the keys are given by systemd (${directory}) and cannot be written here`,
    advise: ({ name }) => `Name the new file in the unit with LoadCredential=${name}:PATH, and restart the service.`,
    remedies: ({ name }) => [{ action: 'make-key-file', file: name }],
    examples: [{ directory: '/run/credentials/letterlock.service', name: 'encryption-key.bin' }],
  }),
  'encryption.locked': entry<Record<string, never>>({
    title: 'Encryption locked',
    explain: () => 'encryption is locked, and no key is made now',
    examples: [{}],
  }),
  'encryption.no_key': entry<{ reason: 'backup' | 'gone' | 'lost' }>({
    title: 'No key',
    explain: ({ reason }) => {
      if (reason === 'backup') return 'no key is in use, so there is no backup to prove'
      return reason === 'lost' ? 'no key is active, so none can be lost' : 'the key went away'
    },
    advise: ({ reason }) => (reason === 'gone' ? 'Put the key file back.' : ''),
    remedies: ({ reason }) => {
      if (reason === 'backup') return [{ action: 'enable-encryption' }]
      return reason === 'lost' ? [{ action: 'show-encryption' }] : []
    },
    examples: [{ reason: 'backup' }, { reason: 'gone' }, { reason: 'lost' }],
  }),
  'encryption.no_new_key': entry<OfKeyFile & { likeDirectory?: string }>({
    title: 'No new key',
    explain: () => 'there is no new key in place',
    advise: () => 'Repeat this when it is there.',
    remedies: to => [{ action: 'make-key-file', ...to }],
    examples: [{ file: '/var/lib/letterlock/encryption-key.bin' }],
  }),
  'encryption.not_visible': entry<Record<string, never>>({
    title: 'Key not visible',
    explain: () => 'the key is not visible to this user',
    examples: [{}],
  }),
  'encryption.nothing_in_doubt': entry<Record<string, never>>({
    title: 'Nothing in doubt',
    explain: () => 'nothing is in doubt: this host believes what the database says of the keys',
    examples: [{}],
  }),
  'encryption.nothing_to_accept': entry<{ account: number }>({
    title: 'Nothing to accept',
    explain: ({ account }) => `account ${account} has no sealed password`,
    advise: () => 'There is nothing to accept.',
    examples: [{ account: 4 }],
  }),
  'encryption.other_key_active': entry<{ keyId: string; given: string }>({
    title: 'Another key is active',
    explain: ({ keyId, given }) => `the active key is ${keyId}, not ${given}`,
    advise: () => 'Give the id of the active key.',
    remedies: () => [{ action: 'show-encryption' }],
    examples: [{ keyId: '1c24c9422600865d', given: '77aa01c2d3e4f506' }],
  }),
  'encryption.proof_refused': entry<OfKeyFile & { reason: ProofFault; keyId: string; minutes: number }>({
    title: 'Proof refused',
    explain: ({ file, reason, minutes }) =>
      `the proof ${file} ${reason === 'too_old' ? `was not written in the last ${minutes} minutes` : proofFaults[reason]}`,
    remedies: ({ file, keyId }) => [{ action: 'write-proof', file, keyId }],
    examples: [
      {
        file: '/var/lib/letterlock/can-disable-encryption.txt',
        reason: 'absent',
        keyId: '1c24c9422600865d',
        minutes: 15,
      },
    ],
  }),
  'encryption.unknown_key': entry<{ keyId: string }>({
    title: 'Unknown key',
    explain: ({ keyId }) => `the key ${keyId} is not here, and the database knows nothing of it`,
    advise: () => 'Put its file back first, or take what the database says as right.',
    remedies: () => [{ action: 'confirm-database' }],
    examples: [{ keyId: '1c24c9422600865d' }],
  }),
  'encryption.would_lack_key': entry<{ by: 'host' | 'database' }>({
    title: 'No key would be in use',
    explain: () => 'passwords are sealed, and no key would be in use',
    remedies: ({ by }) => [{ action: by === 'host' ? 'confirm-database' : 'confirm-key-states' }],
    examples: [{ by: 'host' }, { by: 'database' }],
  }),
  'message.html_missing': entry<{ message: number }>({
    title: 'HTML cannot be shown',
    explain: ({ message }) => `the HTML of message ${message} cannot be shown, its text can`,
    examples: [{ message: 12 }],
  }),
  'message.not_kept': entry<{ message: number }>({
    title: 'Original not kept',
    status: 404,
    explain: ({ message }) => `the original of message ${message} is not kept`,
    examples: [{ message: 12 }],
  }),
  'rule.exists': entry<{ rule: string }>({
    title: 'Rule exists',
    explain: ({ rule }) => `there is a rule ${rule} already`,
    remedies: ({ rule }) => [{ action: 'remove-rule', rule }],
    examples: [{ rule: 'no-spam' }],
  }),
  'rule.not_found': entry<{ rule: string }>({
    title: 'No such rule',
    status: 404,
    explain: ({ rule }) => `there is no rule ${rule}`,
    remedies: () => [{ action: 'list-rules' }],
    examples: [{ rule: 'no-spam' }],
  }),
  'scrub.no_redo_size': entry<Record<string, never>>({
    title: 'Redo log of unknown size',
    explain: () => 'the database server does not show how large its redo log is',
    advise: () => 'Nothing was written.',
    examples: [{}],
  }),
  'scrub.no_rights': entry<{ rights: string; on?: string; to?: string }>({
    title: 'Rights missing for a scrub',
    explain: () => 'the database account may not do what a scrub needs',
    advise: ({ rights, to }) => (to === undefined ? `It needs the rights ${rights}.` : ''),
    remedies: ({ rights, on, to }) =>
      on === undefined || to === undefined ? [] : [{ action: 'grant-rights', rights, on, to }],
    examples: [
      { rights: 'CREATE, DROP, INSERT, UPDATE' },
      { rights: 'ALTER, CREATE, INSERT', on: 'letterlock.credentials', to: 'letterlock@localhost' },
    ],
  }),
  'scrub.no_space': entry<{ freeBytes: number; neededBytes: number }>({
    title: 'No space for a scrub',
    explain: ({ freeBytes, neededBytes }) =>
      `the disk of the database server has ${inMiB(freeBytes)} free, the scrub may need ${inMiB(neededBytes)}`,
    advise: () => 'Free some space, or purge binary logs, and run it again.',
    examples: [{ freeBytes: 104_857_600, neededBytes: 524_288_000 }],
  }),
  'scrub.plaintext_left': entry<{ count: number }>({
    title: 'Plaintext left',
    explain: ({ count }) => `${count} passwords are still in plaintext, a scrub would only copy them`,
    advise: () => 'Run it again when all are sealed.',
    remedies: () => [{ action: 'show-encryption' }],
    examples: [{ count: 3 }],
  }),
  'scrub.running': entry<Record<string, never>>({
    title: 'Scrub running',
    explain: () => 'another scrub is running on this database',
    advise: () => 'Wait until it is done.',
    examples: [{}],
  }),
  'scrub.table_in_use': entry<{ seconds: number }>({
    title: 'Table in use',
    explain: ({ seconds }) => `the table was in use for ${seconds} s, so that it could not be rebuilt`,
    advise: () => 'End long transactions on it, backups for example, and run it again.',
    examples: [{ seconds: 20 }],
  }),
  'scrub.too_large': entry<{ neededBytes: number; limitBytes: number }>({
    title: 'Scrub too large',
    explain: ({ neededBytes, limitBytes }) =>
      `the redo log is so large that ${inMiB(neededBytes)} would have to be written, the limit is ${inMiB(limitBytes)}`,
    advise: () => 'Make the redo log smaller for the time of the scrub.',
    examples: [{ neededBytes: 34_359_738_368, limitBytes: 17_179_869_184 }],
  }),
  'secret.not_opened': entry<{ account: number; secret: SecretWord; why: string }>({
    title: 'Sealed secret cannot be opened',
    explain: ({ account, secret, why }) => `the sealed ${secret} of account ${account} cannot be opened (${why})`,
    remedies: ({ account, secret }) => [
      secret === 'password' ? { action: 'set-password', account } : { action: 'sign-in-with-oauth', account },
    ],
    examples: [{ account: 4, secret: 'password', why: 'tampered' }],
  }),
  'secret.not_sealed': entry<
    OfKeyFile & { account: number; secret: SecretWord; reason: 'not_visible' | 'not_in_use' | 'refused'; keyId: string }
  >({
    title: 'Secret cannot be sealed',
    explain: ({ account, secret, reason, keyId, file }) => {
      const what = `the ${secret} of account ${account}`
      if (reason === 'not_visible') return `${what} cannot be sealed: the key ${keyId} is not visible to this user`
      return reason === 'not_in_use'
        ? `${what} was not stored in plaintext: the key file ${file} is not in use yet`
        : `${what} was not stored in plaintext: a key file lies at ${file} and cannot be used`
    },
    advise: ({ reason, file }) => {
      if (reason === 'not_visible')
        return `Repeat it on the server as a user who may read ${file}, or with letterlock-admin.`
      return reason === 'not_in_use' ? 'Repeat this in a few seconds.' : ''
    },
    remedies: () => [{ action: 'show-encryption' }],
    examples: [
      {
        file: '/var/lib/letterlock/encryption-key.bin',
        account: 4,
        secret: 'password',
        reason: 'not_visible',
        keyId: '1c24c9422600865d',
      },
    ],
  }),
  'secret.key_not_visible': entry<OfKeyFile & { keyId: string }>({
    title: 'Key not visible',
    explain: ({ keyId }) => `the key ${keyId} is not available on this host`,
    advise: ({ file }) => `Repeat it on the server as a user who may read ${file}.`,
    examples: [{ file: '/var/lib/letterlock/encryption-key.bin', keyId: '1c24c9422600865d' }],
  }),
  'raw.in_use': entry<Record<string, never>>({
    title: 'Raw mail in use',
    explain: () => 'another process is backing up or removing raw mail of this database',
    advise: () =>
      'Repeat the command when it is done: the nightly job and a backup take minutes, the first backup of a large store longer.',
    examples: [{}],
  }),
  'source.bytes_not_kept': entry<{ source: number }>({
    title: 'Mail still on the server',
    explain: ({ source }) => `no bytes of mail ${source} are kept`,
    advise: () => 'It is still on the mail server.',
    remedies: ({ source }) => [{ action: 'retry-quarantined', source }],
    examples: [{ source: 12 }],
  }),
  'source.not_found': entry<{ source: number }>({
    title: 'No such mail',
    status: 404,
    explain: ({ source }) => `there is no source ${source}`,
    remedies: () => [{ action: 'list-sources' }],
    examples: [{ source: 12 }],
  }),
  'source.not_quarantined': entry<{ source: number }>({
    title: 'Not in quarantine',
    explain: ({ source }) => `source ${source} is not in quarantine`,
    remedies: () => [{ action: 'list-quarantine' }],
    examples: [{ source: 12 }],
  }),
  'source.renumbered': entry<{ source: number }>({
    title: 'Mailbox renumbered',
    explain: ({ source }) =>
      `source ${source} cannot be fetched again: the server renumbered its mailbox, or the mailbox is not read any more`,
    advise: () => 'If the mail is still there, it was read again under its new number.',
    remedies: () => [{ action: 'list-sources' }],
    examples: [{ source: 12 }],
  }),
  'source.retried_meanwhile': entry<{ source: number }>({
    title: 'Retried meanwhile',
    explain: ({ source }) => `source ${source} was retried by somebody else at the same moment`,
    examples: [{ source: 12 }],
  }),
  'ticket.not_found': entry<{ which: string }>({
    title: 'No such ticket',
    status: 404,
    explain: ({ which }) => `there is no ticket ${which}`,
    remedies: () => [{ action: 'list-tickets' }],
    examples: [{ which: 'LL-12' }],
  }),
  'user.exists': entry<{ user?: string }>({
    title: 'User exists',
    explain: ({ user }) => (user === undefined ? 'there is a user already' : `there is a user ${user} already`),
    advise: ({ user }) =>
      user === undefined ? 'Sign in, or ask an admin to add you.' : 'Choose another name, or set a new password.',
    remedies: ({ user }) => (user === undefined ? [] : [{ action: 'set-user-password', user }]),
    examples: [{ user: 'ada' }, {}],
  }),
  'user.last_admin': entry<Record<string, never>>({
    title: 'Last admin',
    explain: () => 'that is the last admin',
    advise: () => 'Make another user an admin first.',
    examples: [{}],
  }),
  'user.name_refused': entry<Record<string, never>>({
    title: 'Name refused',
    status: 422,
    explain: () => 'that is no name to sign in with',
    advise: () =>
      'Use up to 64 letters, digits, dots, dashes, underscores, + or @, beginning with a letter or a digit.',
    examples: [{}],
  }),
  'user.not_found': entry<{ user: string }>({
    title: 'No such user',
    status: 404,
    explain: ({ user }) => `there is no user ${user}`,
    remedies: () => [{ action: 'list-users' }],
    examples: [{ user: 'ada' }],
  }),
  'user.password_refused': entry<{ shortest: number; reason: 'too_short' | 'too_long' }>({
    title: 'Password refused',
    status: 422,
    explain: ({ shortest, reason }) =>
      reason === 'too_short' ? `the password has fewer than ${shortest} characters` : 'the password is too long',
    advise: () => 'A few random words make a good password.',
    examples: [{ shortest: 12, reason: 'too_short' }],
  }),
  'user.role_refused': entry<Record<string, never>>({
    title: 'Role refused',
    status: 422,
    explain: () => 'choose a role: admin or agent',
    examples: [{}],
  }),
  'user.self': entry<Record<string, never>>({
    title: 'That is you',
    explain: () => 'you cannot remove yourself',
    advise: () => 'Another admin can.',
    examples: [{}],
  }),
}
