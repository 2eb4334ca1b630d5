// A Cyrus for one test file, in a system of its own (chroot.ts). Its mailboxes are spelled in one of the two ways that it has:
// `Name/Below` beside INBOX, or as Debian sets it up, `INBOX.Name.Below`.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createCertificates } from '../../src/embedded/certificates.ts'
import { makeChroot, startInChroot } from './chroot.ts'
import { user } from './dovecot.ts'
import { createOtherClient, type FlowServer, freePorts, greets } from './flow-server.ts'

export async function startCyrus(namespace: '/' | 'INBOX.' = '/'): Promise<FlowServer> {
  await using stack = new AsyncDisposableStack()
  const root = await makeChroot('cyrus', ['cyrus-imapd', 'sasl2-bin'])
  const state = mkdtempSync(path.join(tmpdir(), 'letterlock-cyrus-'))
  stack.defer(() => rmSync(state, { recursive: true, force: true }))
  const { caPem } = await createCertificates({ openssl: 'openssl', directory: state })
  const [imap = 0, imaps = 0] = await freePorts(2)
  writeFileSync(path.join(state, 'imapd.conf'), imapdConf(namespace === '/'))
  writeFileSync(path.join(state, 'cyrus.conf'), cyrusConf(imap, imaps))
  writeFileSync(path.join(state, 'password'), user.password)
  chmodSync(state, 0o755)
  mkdirSync(path.join(state, 'lib'))

  const isReady = () => greets(imap)
  let server = await startInChroot({ root, state, script: prepare + start, isReady })
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
    nameOf: (...levels) => (namespace === '/' ? levels.join('/') : ['INBOX', ...levels].join('.')),
    async restart() {
      await server[Symbol.asyncDispose]()
      server = await startInChroot({ root, state, script: start, isReady })
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const imapdConf = (besideInbox: boolean) => `
configdirectory: /letterlock/lib
proc_path: /letterlock/run/proc
mboxname_lockpath: /letterlock/run/lock
defaultpartition: default
partition-default: /letterlock/mail
altnamespace: ${besideInbox ? 'yes' : 'no'}
unixhierarchysep: ${besideInbox ? 'yes' : 'no'}
autocreate_quota: 0
allowplaintext: yes
servername: localhost
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: /letterlock/sasldb2
tls_server_cert: /letterlock/server.pem
tls_server_key: /letterlock/server.key
`

const cyrusConf = (imap: number, imaps: number) => `
START { recover cmd="ctl_cyrusdb -r" }
SERVICES {
  imap cmd="imapd" listen="127.0.0.1:${imap}" prefork=0 maxchild=100
  imaps cmd="imapd -s" listen="127.0.0.1:${imaps}" prefork=0 maxchild=100
}
EVENTS { checkpoint cmd="ctl_cyrusdb -c" period=30 }
`

const prepare = `
cd /letterlock
saslpasswd2 -p -c -f sasldb2 -u localhost ${user.name} < password
mkdir -p run/proc run/lock mail
for name in db db.backup1 db.backup2 socket msg ptclient log quota user; do mkdir lib/$name; done
chown -R cyrus:mail .
`

const start = `
mount --bind /letterlock/imapd.conf /etc/imapd.conf
mount --bind /letterlock/cyrus.conf /etc/cyrus.conf
exec cyrmaster -D
`
