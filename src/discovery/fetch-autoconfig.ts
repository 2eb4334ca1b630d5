// Fetches a file by https from a server that nobody vouches for: bounded in time and size, with the certificate checked. A redirect leads to https alone,
// and to no private address: what an address's domain says must not make this host ask around in its own network. The first server may be private,
// as in a company of its own; its certificate has to bear the name that was asked for.
import type { LookupAddress } from 'node:dns'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { BlockList, isIPv6, type LookupFunction } from 'node:net'
import type { TLSSocketOptions } from 'node:tls'

export interface FetchOptions {
  /** Addresses of a name of the DNS. Throws. */
  resolve(host: string): Promise<readonly string[]>
  signal: AbortSignal
  /** Tests have servers of their own. */
  port?: number
  ca?: TLSSocketOptions['ca']
}

const maxBytes = 262_144
const maxRedirects = 3

/** What the file says, and whence it came. Throws what went wrong, without a code: nobody acts on it. */
export async function fetchFile(url: URL, options: FetchOptions): Promise<{ text: string; from: string }> {
  let at = url
  for (let redirects = 0; ; redirects++) {
    const answer = await ask(at, { ...options, publicOnly: redirects > 0 })
    const { statusCode = 0, headers } = answer
    if (statusCode === 200) return { text: await readBounded(answer), from: at.host }
    answer.destroy()
    if (statusCode < 300 || statusCode > 399 || headers.location === undefined) throw new Error(`status ${statusCode}`)
    if (redirects === maxRedirects) throw new Error('too many redirects')
    at = redirected(headers.location, at)
  }
}

function redirected(location: string, from: URL): URL {
  const url = URL.parse(location, from.href)
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') throw new Error('redirect to no https')
  return url
}

/** Connects to an address that was looked at before, so that a second answer of the DNS leads nowhere else. */
async function ask(url: URL, options: FetchOptions & { publicOnly: boolean }): Promise<IncomingMessage> {
  const { resolve, signal, publicOnly, port, ca } = options
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const addresses = await addressesOf(host, resolve)
  if (publicOnly && !addresses.every(isPublic)) throw new Error('redirect to a private address')
  const { promise, resolve: answered, reject } = Promise.withResolvers<IncomingMessage>()
  const asked = request(
    {
      ...{ host, path: `${url.pathname}${url.search}`, port: url.port || port || 443, signal, ca },
      agent: false,
      lookup: lookupOf(addresses),
      headers: { accept: 'text/xml, application/xml', 'user-agent': 'letterlock' },
    },
    answered,
  )
  asked.on('error', reject)
  asked.end()
  return await promise
}

async function addressesOf(host: string, resolve: FetchOptions['resolve']): Promise<readonly string[]> {
  const addresses = isAddress(host) ? [host] : await resolve(host)
  if (addresses.length === 0) throw new Error('no address')
  return addresses
}

function isAddress(host: string): boolean {
  return isIPv6(host) || /^\d{1,3}(\.\d{1,3}){3}$/.test(host)
}

function lookupOf(addresses: readonly string[]): LookupFunction {
  const all: LookupAddress[] = addresses.map(address => ({ address, family: isIPv6(address) ? 6 : 4 }))
  return (_host, { all: wantsAll }, tell) => {
    const [first] = all
    if (wantsAll === true || first === undefined) tell(null, all)
    else tell(null, first.address, first.family)
  }
}

/** Networks that are not the Internet's (RFC 6890 and its registry). */
const special = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  special.addSubnet(network, bits, 'ipv4')
const internet = new BlockList()
internet.addSubnet('2000::', 3, 'ipv6')
/** Tunnels that hold an IPv4 address: 6to4 and Teredo. */
const tunnels = new BlockList()
tunnels.addSubnet('2002::', 16, 'ipv6')
tunnels.addSubnet('2001::', 32, 'ipv6')

/** True for an address of the Internet. */
export function isPublic(address: string): boolean {
  if (!isIPv6(address)) return !special.check(address, 'ipv4')
  return internet.check(address, 'ipv6') && !tunnels.check(address, 'ipv6')
}

async function readBounded(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error('the file is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
