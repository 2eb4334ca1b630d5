// PURE. The catalogue's codes of keys and sealed passwords: what `encryption status`, `doctor` and Server > Encryption find.
import { accountsNamed, entry } from './entry.ts'
import type { Remedy } from './remedy.ts'

/** A key file as it was found. */
type KeyFile = {
  file: string
  /** The key that is needed in its place, where another problem is about that. */
  wanted?: string
}

function needed(wanted: string | undefined): string {
  return wanted === undefined ? '' : `; the key ${wanted} is needed`
}

const fromBackup =
  'Put the file back from its backup. Where systemd gives it to the service, look with letterlock-admin first.'
const findWriter = 'Find out who writes to the database.'

/** `current`: where the key file belongs; `here`: where the needed key lies on this host, if it does. */
type Needed = { file: string; wanted: string; here?: string }

type Rows = { accounts: readonly number[]; more?: number }

export type ForgeryKind = 'altered' | 'older' | 'missing' | 'unproven' | 'other-key' | 'unsealing'

type Forged = { reason?: ForgeryKind; keyId?: string; says?: string; holds?: string }

const forgeries: Readonly<Record<ForgeryKind, (forged: Forged) => string>> = {
  altered: ({ keyId, says, holds }) =>
    `the database says that the key ${keyId} is ${says}, and no host of yours has signed that${holds === undefined ? '' : `; here it stays ${holds}`}`,
  older: ({ keyId, says, holds }) =>
    `the database says that the key ${keyId} is ${says}, as it once was; this host has seen it ${holds} later, and that holds`,
  missing: ({ keyId, holds }) =>
    `the database knows nothing of the key ${keyId}, which is ${holds} on this host, and stays so`,
  unproven: ({ keyId, says }) =>
    `the database says that the key ${keyId} is ${says}, while its file lies in its place on this host; that line is from a version that signed nothing, so nothing is moved or written in plaintext`,
  'other-key': ({ keyId, says }) =>
    `the database says that the key ${keyId} is ${says}, and it is neither the key file of this host nor its next one: nothing is sealed under it`,
  unsealing: () =>
    'somebody asked in the database for encryption to be disabled (settings, encryption_unsealing), and nobody did so on a host: passwords go on being sealed',
}

const forgeryAdvice: Readonly<Record<ForgeryKind, string>> = {
  altered: findWriter,
  older: `Was an older backup of the database restored? Then confirm it. If not: ${findWriter}`,
  missing: `Was an older backup of the database restored? Then confirm it. If not: ${findWriter}`,
  unproven: `If you disabled encryption or gave the key up, confirm what the database says. If not: ${findWriter}`,
  'other-key': findWriter,
  unsealing: findWriter,
}

function forgeryRemedies({ reason }: Forged): readonly Remedy[] {
  if (reason === undefined) return [{ action: 'show-encryption' }]
  if (reason === 'unsealing') return [{ action: 'keep-encryption' }]
  if (reason === 'unproven') return [{ action: 'confirm-database' }, { action: 'confirm-key-states' }]
  return [{ action: 'confirm-key-states' }]
}

export const encryptionEntries = {
  'backup.unproven': entry<{ keyId: string }>({
    title: 'No proven backup of the key',
    explain: ({ keyId }) => `no backup of the key ${keyId} is proven`,
    remedies: () => [{ action: 'verify-backup' }],
    examples: [{ keyId: '1c24c9422600865d' }],
  }),
  'daemon.not_running': entry<Record<string, never>>({
    title: 'Daemon not running',
    explain: () => 'no daemon runs that would go on',
    remedies: () => [{ action: 'start-daemon' }, { action: 'start-embedded' }],
    examples: [{}],
  }),
  'encryption.state_forged': entry<Forged>({
    title: 'Key states not believed',
    explain: forged =>
      forged.reason === undefined
        ? 'the database says of keys what this host does not believe'
        : forgeries[forged.reason](forged),
    advise: ({ reason }) => (reason === undefined ? '' : forgeryAdvice[reason]),
    remedies: forgeryRemedies,
    examples: [
      { reason: 'altered', keyId: '1c24c9422600865d', says: 'retired', holds: 'active' },
      { reason: 'older', keyId: '1c24c9422600865d', says: 'active', holds: 'retired' },
      { reason: 'missing', keyId: '1c24c9422600865d', holds: 'active' },
      { reason: 'unproven', keyId: '1c24c9422600865d', says: 'retired' },
      { reason: 'other-key', keyId: '1c24c9422600865d', says: 'active' },
      { reason: 'unsealing' },
    ],
  }),
  'key.not_held': entry<{ keyId: string; file: string; hosts?: readonly string[] }>({
    title: 'Key not on every host',
    explain: ({ keyId, file, hosts = [] }) =>
      `the key ${keyId} is used once every running host holds it${hosts.length > 0 ? '' : `, and the daemon on this host has not taken ${file} yet`}`,
    advise: ({ file, hosts = [] }) =>
      hosts.length > 0
        ? `Copy ${file} to ${hosts.join(', ')}.`
        : 'It looks within 5 seconds; if this stays, check that the service user may read the file.',
    examples: [
      { keyId: '1c24c9422600865d', file: '/var/lib/letterlock/encryption-key.bin', hosts: ['mail2'] },
      { keyId: '1c24c9422600865d', file: '/var/lib/letterlock/encryption-key.bin' },
    ],
  }),
  'key.unknown': entry<{ keyIds: readonly string[] }>({
    title: 'No active key',
    explain: ({ keyIds }) => `sealed passwords are there, and no key is active (keys named: ${keyIds.join(', ')})`,
    advise: () => 'Restore the table encryption_keys from the backup that the passwords are of.',
    examples: [{ keyIds: ['1c24c9422600865d'] }],
  }),
  'key_file.directory': entry<KeyFile & { directory: string; owner?: number }>({
    title: 'Unsafe directory of the key file',
    explain: ({ directory, owner, wanted }) =>
      `${
        owner === undefined
          ? `others may write to the directory ${directory} on the way to the key`
          : `the directory ${directory} on the way to the key belongs to user ${owner}`
      }${needed(wanted)}`,
    remedies: ({ directory, owner }) => [
      owner === undefined
        ? { action: 'set-mode', file: directory, mode: 'go-w' }
        : { action: 'set-owner', file: directory, owner: 0 },
    ],
    examples: [
      { file: '/srv/keys/encryption-key.bin', directory: '/srv/keys' },
      { file: '/srv/keys/encryption-key.bin', directory: '/srv/keys', owner: 1000 },
    ],
  }),
  'key_file.lost_key': entry<KeyFile & { keyId: string }>({
    title: 'Key file of a lost key',
    explain: ({ file, keyId }) => `the key file ${file} holds the key ${keyId}, which was given up`,
    advise: () => 'Put the key in use there.',
    examples: [{ file: '/var/lib/letterlock/encryption-key.bin', keyId: '1c24c9422600865d' }],
  }),
  'key_file.missing': entry<Needed>({
    title: 'Key file missing',
    explain: ({ file, wanted, here }) =>
      here === undefined
        ? `the key ${wanted} is needed, and there is no ${file}`
        : `the key ${wanted} is needed at ${file}, and lies at ${here}`,
    advise: ({ here }) => (here === undefined ? fromBackup : ''),
    remedies: ({ file, here }) =>
      here === undefined ? [{ action: 'recover-key' }] : [{ action: 'move-file', from: here, to: file }],
    examples: [
      { file: '/var/lib/letterlock/encryption-key.bin', wanted: '1c24c9422600865d' },
      {
        file: '/var/lib/letterlock/encryption-key.bin',
        wanted: '1c24c9422600865d',
        here: '/var/lib/letterlock/encryption-key.retired-1c24c9422600865d.bin',
      },
    ],
  }),
  'key_file.mode': entry<KeyFile & { mode: string; owner?: number }>({
    title: 'Unsafe mode of the key file',
    explain: ({ file, mode, wanted }) =>
      `the key file ${file} has mode ${mode} instead of 0400 or 0600${needed(wanted)}`,
    remedies: ({ file, owner }) => [
      { action: 'set-mode', file, mode: '400', ...(owner === undefined ? {} : { owner }) },
    ],
    examples: [{ file: '/var/lib/letterlock/encryption-key.bin', mode: '0644' }],
  }),
  'key_file.not_visible': entry<KeyFile & { keyId: string; user: string; isAbsent: boolean }>({
    title: 'Key not visible to this user',
    explain: ({ file, keyId, user, isAbsent }) =>
      `the daemon on this host holds the key ${keyId}, and it is not visible to this user (${user}): ${isAbsent ? `there is no ${file} for it` : `it may not read ${file}`}`,
    advise: () => 'The key is not lost.',
    remedies: () => [{ action: 'use-service-user' }],
    examples: [
      {
        file: '/var/lib/letterlock/encryption-key.bin',
        keyId: '1c24c9422600865d',
        user: '1000',
        isAbsent: false,
      },
    ],
  }),
  'key_file.other_key': entry<Needed & { keyId: string; next?: string }>({
    title: 'Key file of another key',
    explain: ({ file, keyId, wanted, here }) =>
      `the key file ${file} holds the key ${keyId}, but the key ${wanted} is needed${here === undefined ? '' : `, which lies at ${here}`}`,
    advise: ({ file, here, next }) => {
      if (here === undefined) return fromBackup
      return next === undefined
        ? `Move ${file} to another name, and put the needed key there.`
        : 'Was an older database restored?'
    },
    remedies: ({ file, here, next }) => {
      if (here === undefined) return [{ action: 'recover-key' }]
      return next === undefined ? [] : [{ action: 'exchange-files', file, aside: next, from: here }]
    },
    examples: [
      {
        file: '/var/lib/letterlock/encryption-key.bin',
        keyId: '77aa01c2d3e4f506',
        wanted: '1c24c9422600865d',
      },
      {
        file: '/var/lib/letterlock/encryption-key.bin',
        keyId: '77aa01c2d3e4f506',
        wanted: '1c24c9422600865d',
        here: '/var/lib/letterlock/encryption-key.retired-1c24c9422600865d.bin',
        next: '/var/lib/letterlock/encryption-key.next.bin',
      },
    ],
  }),
  'key_file.owner': entry<KeyFile & { owner: number; service: number }>({
    title: 'Wrong owner of the key file',
    explain: ({ file, owner, wanted }) => `the key file ${file} belongs to user ${owner}${needed(wanted)}`,
    remedies: ({ file, service }) => [{ action: 'set-owner', file, owner: service }],
    examples: [{ file: '/var/lib/letterlock/encryption-key.bin', owner: 1000, service: 997 }],
  }),
  'key_file.placeholder': entry<KeyFile & { likeDirectory?: string }>({
    title: 'Key file is a placeholder',
    explain: ({ file, wanted }) => `the key file ${file} is no random key but a text or a pattern${needed(wanted)}`,
    advise: ({ wanted }) => (wanted === undefined ? '' : fromBackup),
    remedies: ({ file, wanted, likeDirectory }) =>
      wanted === undefined
        ? [{ action: 'make-key-file', file, ...(likeDirectory === undefined ? {} : { likeDirectory }) }]
        : [{ action: 'recover-key' }],
    examples: [
      { file: '/var/lib/letterlock/encryption-key.bin' },
      { file: '/var/lib/letterlock/encryption-key.bin', wanted: '1c24c9422600865d' },
    ],
  }),
  'key_file.retired_key': entry<KeyFile & { retired: string }>({
    title: 'Key file of a retired key',
    explain: ({ file }) => `the key file ${file} holds a key that is no longer in use`,
    advise: () => 'The daemon renames it within seconds. If this stays, it may not write there: rename it yourself.',
    remedies: ({ file, retired }) => [{ action: 'move-file', from: file, to: retired }],
    examples: [
      {
        file: '/var/lib/letterlock/encryption-key.bin',
        retired: '/var/lib/letterlock/encryption-key.retired-1c24c9422600865d.bin',
      },
    ],
  }),
  'key_file.shortage': entry<KeyFile & { why: string }>({
    title: 'Key file cannot be looked at now',
    explain: ({ file, why, wanted }) =>
      `the key file ${file} cannot be read at the moment (${why}), the file itself is not at fault${needed(wanted)}`,
    advise: () => 'Raise the limit of open files (LimitNOFILE in the unit), or end what uses them up.',
    examples: [{ file: '/var/lib/letterlock/encryption-key.bin', why: 'EMFILE' }],
  }),
  'key_file.size': entry<KeyFile & { bytes: number }>({
    title: 'Key file of the wrong size',
    explain: ({ file, bytes, wanted }) => `the key file ${file} has ${bytes} bytes instead of 32${needed(wanted)}`,
    advise: () => 'Put the right file there.',
    examples: [{ file: '/var/lib/letterlock/encryption-key.bin', bytes: 33 }],
  }),
  'key_file.symlink': entry<KeyFile & { link?: string; owner?: number }>({
    title: 'Symbolic link to the key file',
    explain: ({ file, link, owner, wanted }) =>
      `${
        link === undefined
          ? `the key file ${file} is a symbolic link`
          : `the link ${link} on the way to the key is a symbolic link of user ${owner}`
      }${needed(wanted)}`,
    advise: ({ link }) => (link === undefined ? 'Put the key itself there.' : 'Replace it by the directory.'),
    examples: [
      { file: '/var/lib/letterlock/encryption-key.bin' },
      { file: '/srv/keys/encryption-key.bin', link: '/srv/keys', owner: 1000 },
    ],
  }),
  'key_file.type': entry<KeyFile>({
    title: 'Key file is no regular file',
    explain: ({ file, wanted }) => `the key file ${file} is no regular file${needed(wanted)}`,
    advise: () => 'Put a file of 32 bytes there.',
    examples: [{ file: '/var/lib/letterlock/encryption-key.bin' }],
  }),
  'key_file.unreadable': entry<KeyFile & { why?: string; user?: string; reason?: 'file' | 'directory' }>({
    title: 'Key file unreadable',
    explain: ({ file, why, user, reason, wanted }) =>
      `${
        reason === 'file'
          ? `user ${user} may not read ${file}`
          : reason === 'directory'
            ? `user ${user} may not enter all directories on the way to ${file}`
            : `the key file ${file} cannot be read (${why})`
      }${needed(wanted)}`,
    advise: ({ reason }) => (reason === undefined ? 'Check the disk and the directory.' : ''),
    remedies: ({ file, user, reason }) => {
      if (reason === 'directory') return [{ action: 'show-path', file }]
      return reason === 'file' ? [{ action: 'set-owner', file, owner: Number(user), mode: '400' }] : []
    },
    examples: [
      { file: '/var/lib/letterlock/encryption-key.bin', user: '997', reason: 'file' },
      { file: '/var/lib/letterlock/encryption-key.bin', user: '997', reason: 'directory' },
      { file: '/var/lib/letterlock/encryption-key.bin', why: 'EIO' },
    ],
  }),
  'next_key_file.idle': entry<KeyFile & { state: string }>({
    title: 'Next key file without use',
    explain: ({ file, state }) => `the file ${file} does nothing while encryption is ${state}`,
    advise: () => 'Or rename it.',
    remedies: ({ file }) => [{ action: 'remove-file', file }],
    examples: [{ file: '/var/lib/letterlock/encryption-key.next.bin', state: 'off' }],
  }),
  'next_key_file.missing': entry<KeyFile & { keyId: string }>({
    title: 'Next key missing',
    explain: ({ keyId }) => `the rotation to the key ${keyId} is under way, and this host does not have it`,
    advise: ({ file }) => `Put its file at ${file} on this host too.`,
    examples: [{ file: '/var/lib/letterlock/encryption-key.next.bin', keyId: '77aa01c2d3e4f506' }],
  }),
  'next_key_file.not_in_place': entry<KeyFile & { retired: string; next: string }>({
    title: 'New key not in place yet',
    explain: () => 'the rotation is through, and the daemon puts the new key in place within seconds',
    remedies: ({ file, retired, next }) => [{ action: 'retire-and-move-file', file, retired, next }],
    examples: [
      {
        file: '/var/lib/letterlock/encryption-key.bin',
        retired: '/var/lib/letterlock/encryption-key.retired-1c24c9422600865d.bin',
        next: '/var/lib/letterlock/encryption-key.next.bin',
      },
    ],
  }),
  'next_key_file.used': entry<KeyFile & { keyId: string; isActive: boolean }>({
    title: 'Next key was used before',
    explain: ({ file, keyId, isActive }) =>
      `the file ${file} holds the key ${keyId}, which ${isActive ? 'is in use now' : 'was in use before'}`,
    advise: () => 'Put a new one there.',
    examples: [{ file: '/var/lib/letterlock/encryption-key.next.bin', keyId: '1c24c9422600865d', isActive: true }],
  }),
  'plaintext.left': entry<Rows>({
    title: 'Passwords not sealed yet',
    explain: ({ accounts }) => `the passwords of ${accountsNamed(accounts)} are still in plaintext`,
    advise: () =>
      'If they stay so, a transaction holds their rows, or a trigger on the table credentials changes what is written; the log says more.',
    examples: [{ accounts: [4, 7] }],
  }),
  'plaintext.written': entry<{ account: number; at: string }>({
    title: 'Password written in plaintext',
    explain: ({ account, at }) =>
      `somebody wrote the password of account ${account} in plaintext (${at}); it was sealed, but dumps and binary logs of that moment hold it`,
    advise: () => 'See which helpdesk writes it.',
    examples: [{ account: 4, at: '2026-11-24T10:00:00.000Z' }],
  }),
  'proof_file.left': entry<KeyFile & { minutes: number }>({
    title: 'Proof file left',
    explain: ({ file, minutes }) =>
      `the file ${file} is there, and nobody has asked on this host for encryption to be disabled: it allows that once, within ${minutes} minutes of being written`,
    advise: () => 'Unless you are about to disable encryption:',
    remedies: ({ file }) => [{ action: 'remove-file', file }],
    examples: [{ file: '/var/lib/letterlock/can-disable-encryption.txt', minutes: 15 }],
  }),
  'unsealing.proof_missing': entry<KeyFile & { keyId: string; isAskedHere: boolean }>({
    title: 'Proof for disabling missing',
    explain: ({ isAskedHere }) =>
      isAskedHere
        ? 'disabling encryption was asked for on this host, and its proof is gone'
        : 'disabling encryption was asked for on another host, which does it',
    advise: ({ isAskedHere }) => (isAskedHere ? '' : 'If that host is gone, disable it here.'),
    remedies: ({ file, keyId, isAskedHere }) => [
      { action: 'keep-encryption' },
      isAskedHere ? { action: 'write-proof', file, keyId } : { action: 'disable-encryption' },
    ],
    examples: [
      { file: '/var/lib/letterlock/can-disable-encryption.txt', keyId: '1c24c9422600865d', isAskedHere: true },
      { file: '/var/lib/letterlock/can-disable-encryption.txt', keyId: '1c24c9422600865d', isAskedHere: false },
    ],
  }),
  'vault.refused': entry<Rows>({
    title: 'Sealed row refused',
    explain: ({ accounts, more }) =>
      `the database changed or refused what was written for ${accountsNamed(accounts, more)}`,
    advise: () => 'Look for a trigger on the table credentials.',
    examples: [{ accounts: [4] }],
  }),
}
