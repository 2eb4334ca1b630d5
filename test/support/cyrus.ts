// A Cyrus for one test file, in a system of its own (chroot.ts). Its mailboxes are spelled in one of the two ways that it has:
// `Name/Below` beside INBOX, or as Debian sets it up, `INBOX.Name.Below`.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type ServerPorts, startChrootServer } from './chroot.ts'
import { user } from './dovecot.ts'
import type { FlowServer } from './flow-server.ts'

export async function startCyrus(namespace: '/' | 'INBOX.' = '/'): Promise<FlowServer> {
  return await startChrootServer({
    name: 'cyrus',
    packages: ['cyrus-imapd', 'sasl2-bin'],
    configure(state, ports) {
      writeFileSync(path.join(state, 'imapd.conf'), imapdConf(namespace === '/'))
      writeFileSync(path.join(state, 'cyrus.conf'), cyrusConf(ports))
      writeFileSync(path.join(state, 'password'), user.password)
      mkdirSync(path.join(state, 'lib'))
    },
    prepare,
    start: () => start,
    nameOf: (...levels) => (namespace === '/' ? levels.join('/') : ['INBOX', ...levels].join('.')),
  })
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

const cyrusConf = ({ imap, imaps }: ServerPorts) => `
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
mount -t tmpfs tmpfs /run
mount --bind /letterlock/imapd.conf /etc/imapd.conf
mount --bind /letterlock/cyrus.conf /etc/cyrus.conf
exec cyrmaster -D
`
