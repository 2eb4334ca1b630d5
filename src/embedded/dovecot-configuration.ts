// Dovecot's configuration, and under whom it runs: never as root, since it refuses the mail of user 0; root starts it as nobody.
import { readFileSync } from 'node:fs'
import type { Certificates } from './certificates.ts'

/** `starttls` and `cleartext` are alike for Dovecot: both offer STARTTLS, unless `tls` is false. */
export interface Ports {
  tls: number
  starttls: number
  cleartext: number
}

export interface Setup {
  /** For sockets and what else lives as long as the process. */
  run: string
  mail: string
  home: string
  /** Users and their passwords, as Dovecot's passwd-file. */
  users: string
  certificates: Certificates
  ports: Ports
  /** What it says to those who connect. */
  greeting: string
  tls: boolean
  /** Further lines. */
  more: string
}

/** The text of dovecot.conf. */
export function toDovecotConfiguration(setup: Setup): string {
  const { run, certificates, ports, tls } = setup
  const { uid, gid, user, group } = identity()
  return `
base_dir = ${run}
state_dir = ${run}
log_path = /dev/stderr
info_log_path = /dev/null
protocols = imap
listen = 127.0.0.1
login_greeting = ${setup.greeting}
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
ssl = ${tls ? 'yes' : 'no'}
ssl_cert = <${certificates.certFile}
ssl_key = <${certificates.keyFile}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_fsync = never
mail_max_userip_connections = 1000
mail_location = maildir:${setup.mail}/%u
first_valid_uid = ${uid}
first_valid_gid = ${gid}
maildir_very_dirty_syncs = no
namespace inbox {
  inbox = yes
  separator = /
}
passdb {
  driver = passwd-file
  args = ${setup.users}
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${setup.home}/%u
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${ports.starttls}
  }
  inet_listener cleartext {
    port = ${ports.cleartext}
    ssl = no
  }
  inet_listener imaps {
    port = ${tls ? ports.tls : 0}
    ssl = yes
  }
  client_limit = 2000
  process_limit = 200
}
service anvil {
  chroot =
  client_limit = 5000
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  client_limit = 5000
}
service imap {
  process_limit = 1200
}
service stats {
  chroot =
}
${setup.more}`
}

const nobody = 65_534

/** The id of the user and of the group under which Dovecot runs, or undefined where we are not root: as we do. */
export function otherUser(): number | undefined {
  return process.getuid?.() === 0 ? nobody : undefined
}

function identity(): { uid: number; gid: number; user: string; group: string } {
  const uid = otherUser() ?? process.getuid?.() ?? nobody
  const gid = otherUser() ?? process.getgid?.() ?? nobody
  return { uid, gid, user: nameOf('/etc/passwd', uid), group: nameOf('/etc/group', gid) }
}

/** Dovecot wants names. */
function nameOf(file: string, id: number): string {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find(entry => entry.split(':')[2] === String(id))
  return line?.split(':')[0] ?? String(id)
}
