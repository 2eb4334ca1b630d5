// A Courier for one test file, in a system of its own (chroot.ts). Every mailbox is below INBOX, and it keeps lines as Maildir does.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createCertificates } from '../../src/embedded/certificates.ts'
import { makeChroot, startInChroot } from './chroot.ts'
import { user } from './dovecot.ts'
import { createOtherClient, type FlowServer, freePorts, greets } from './flow-server.ts'

export async function startCourier(): Promise<FlowServer> {
  await using stack = new AsyncDisposableStack()
  const root = await makeChroot('courier', ['courier-imap', 'courier-authlib-userdb', 'gamin'])
  const state = mkdtempSync(path.join(tmpdir(), 'letterlock-courier-'))
  stack.defer(() => rmSync(state, { recursive: true, force: true }))
  const { caPem } = await createCertificates({ openssl: 'openssl', directory: state })
  const [imap = 0, imaps = 0] = await freePorts(2)
  const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: user.password, encoding: 'utf8' }).trim()
  writeFileSync(
    path.join(state, 'userdb'),
    `${user.name}\tuid=${owner}|gid=${owner}|home=/letterlock/home|mail=/letterlock/home/Maildir|imappw=${hash}\n`,
    { mode: 0o600 },
  )
  chmodSync(state, 0o755)

  const isReady = () => greets(imap)
  const script = start(imap, imaps)
  let server = await startInChroot({ root, state, script: prepare + script, isReady })
  stack.defer(() => server[Symbol.asyncDispose]())
  const destination: FlowServer['destination'] = security => ({
    host: '127.0.0.1',
    port: security === 'tls' ? imaps : imap,
    security,
    username: user.name,
    caPem,
  })
  const client = createOtherClient(user, () => destination('tls'))
  const opened = stack.move()
  return {
    ...client,
    user,
    destination,
    nameOf: (...levels) => ['INBOX', ...levels].join('.'),
    async restart() {
      await server[Symbol.asyncDispose]()
      server = await startInChroot({ root, state, script, isReady })
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
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
const start = (imap: number, imaps: number) => `
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
