// A Courier for one test file, in a system of its own (chroot.ts). Every mailbox is below INBOX, and it keeps lines as Maildir does.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { type ServerPorts, startChrootServer } from './chroot.ts'
import { user } from './dovecot.ts'
import type { FlowServer } from './flow-server.ts'

export async function startCourier(): Promise<FlowServer> {
  return await startChrootServer({
    name: 'courier',
    packages: ['courier-imap', 'courier-authlib-userdb', 'gamin'],
    configure: writeUser,
    prepare,
    start,
    nameOf: (...levels) => ['INBOX', ...levels].join('.'),
  })
}

function writeUser(state: string): void {
  const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: user.password, encoding: 'utf8' }).trim()
  writeFileSync(
    path.join(state, 'userdb'),
    `${user.name}\tuid=${owner}|gid=${owner}|home=/letterlock/home|mail=/letterlock/home/Maildir|imappw=${hash}\n`,
    { mode: 0o600 },
  )
}

/** Debian's user `mail`: what watches a Maildir asks for a name. */
const owner = 8

const prepare = `
cd /letterlock
cp -a /etc/courier etc
cp userdb etc/userdb
sed -i 's/^authmodulelist=.*/authmodulelist="authuserdb"/' etc/authdaemonrc
cat server.pem server.key > etc/imapd.pem
mkdir home
maildirmake.courier home/Maildir
chown -R ${owner}:${owner} home
mount --bind etc /etc/courier
makeuserdb
umount /etc/courier
`

/** What the scripts of its package start: a daemon that knows the passwords, and one that listens for each port. */
const start = ({ imap, imaps }: ServerPorts) => `
mount --bind /letterlock/etc /etc/courier
mount -t tmpfs tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir -p /run/courier/authdaemon
chown -R courier: /run/courier
set +u -a
. /etc/courier/authdaemonrc
. /etc/courier/imapd
. /etc/courier/imapd-ssl
TLS_CACHEFILE=
IMAP_STARTTLS=YES
/usr/lib/courier/courier-authlib/authdaemond &
login=/usr/lib/courier/courier/imaplogin
listen="couriertcpd -address=127.0.0.1 -maxprocs=100 -maxperip=100 -nodnslookup -noidentlookup"
IMAP_TLS=1 $listen ${imaps} $COURIERTLS -server -tcpd $login /usr/bin/imapd Maildir &
exec $listen ${imap} $login /usr/bin/imapd Maildir
`
