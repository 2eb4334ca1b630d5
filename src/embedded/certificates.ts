// Certificates for servers of ours on loopback: a CA of their own and a server certificate for localhost, made with openssl.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
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
  /** Names of the server beside localhost. */
  names?: readonly string[]
}

/** Writes `ca.pem`, `server.pem` and `server.key` into the directory; those that are there and good for another month are kept. */
export async function createCertificates(options: CertificateOptions): Promise<Certificates> {
  const at = (name: string) => path.join(options.directory, name)
  const made = { certFile: at('server.pem'), keyFile: at('server.key') }
  if (options.expired || !(await isGood(made.certFile, options.openssl))) await issue(options, at)
  return { ...made, caPem: readFileSync(at('ca.pem'), 'utf8') }
}

async function isGood(certFile: string, openssl: string): Promise<boolean> {
  if (!existsSync(certFile)) return false
  const check = promisify(execFile)(openssl, ['x509', '-in', certFile, '-noout', '-checkend', '2592000'])
  return await check.then(
    () => true,
    () => false,
  )
}

/** The certificate is written last and in one step: where it is, the rest is. */
async function issue(options: CertificateOptions, at: (name: string) => string): Promise<void> {
  const run = (args: readonly string[]) => promisify(execFile)(options.openssl, args)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const caName = ['-subj', '/CN=letterlock private CA', '-addext', 'keyUsage=critical,keyCertSign,cRLSign']
  await run(['req', '-x509', ...newKey, ...caName, '-days', '3650', '-keyout', at('ca.key'), '-out', at('ca.pem')])
  await run(['req', ...newKey, '-subj', '/CN=localhost', '-keyout', at('server.key'), '-out', at('server.csr')])
  const names = ['localhost', ...(options.names ?? [])].map(name => `DNS:${name}`)
  writeFileSync(at('server.ext'), `subjectAltName=${names.join()},IP:127.0.0.1\nextendedKeyUsage=serverAuth\n`)
  const from = ['-in', at('server.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial']
  const days = options.expired ? '-1' : '3650'
  await run(['x509', '-req', ...from, '-days', days, '-extfile', at('server.ext'), '-out', at('server.new')])
  renameSync(at('server.new'), at('server.pem'))
}
