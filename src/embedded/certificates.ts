// Certificates for servers of ours on loopback: a CA of their own and a server certificate for localhost, made with openssl.
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

export interface Certificates {
  caPem: string
  certFile: string
  keyFile: string
}

export interface CertificateOptions {
  openssl: string
  directory: string
  /** Makes one whose time is over. */
  expired?: boolean
}

/** Writes `ca.pem`, `server.pem` and `server.key` into the directory. */
export async function createCertificates(options: CertificateOptions): Promise<Certificates> {
  const at = (name: string) => path.join(options.directory, name)
  const run = (args: readonly string[]) => promisify(execFile)(options.openssl, args)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await run(
    ['req', '-x509', ...newKey, '-subj', '/CN=letterlock private CA', '-days', '3650'].concat([
      '-addext',
      'keyUsage=critical,keyCertSign,cRLSign',
      '-keyout',
      at('ca.key'),
      '-out',
      at('ca.pem'),
    ]),
  )
  await run(['req', ...newKey, '-subj', '/CN=localhost', '-keyout', at('server.key'), '-out', at('server.csr')])
  writeFileSync(at('server.ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n')
  const days = options.expired ? '-1' : '3650'
  const signing = [
    'x509',
    '-req',
    '-in',
    at('server.csr'),
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
  ]
  await run([...signing, '-days', days, '-extfile', at('server.ext'), '-out', at('server.pem')])
  return { caPem: readFileSync(at('ca.pem'), 'utf8'), certFile: at('server.pem'), keyFile: at('server.key') }
}
