// Finds the IMAP server of an address: by the table of well-known providers, the domain's SRV records (RFC 6186, RFC 8314), its autoconfig file (asked for by
// https alone) and its MX records. All are asked at once, within a few seconds. An answer is a suggestion: DNS and web servers prove nothing, so a person
// sees host and port before a password is sent there. No directory of a third party is asked: nobody else has to know who uses Letterlock for whom.
import { Resolver } from 'node:dns/promises'
import { splitAddress } from './address-domain.ts'
import { type AddressParts, readAutoconfig } from './autoconfig.ts'
import { type Answers, chooseServers, type FoundServer, ownServer } from './choose-servers.ts'
import { type FetchOptions, fetchFile } from './fetch-autoconfig.ts'
import { providerOfExchanger } from './well-known-providers.ts'

/** What was asked, and what came of it. `unusable`: an answer that names no IMAP server with TLS. */
export interface Asked {
  /** In words, as `SRV record _imaps._tcp.example.com`. */
  what: string
  end: 'found' | 'nothing' | 'unusable' | 'unanswered'
}

export interface Discovery {
  /** Undefined: the address has no domain of the DNS. */
  domain: string | undefined
  /** The best one first. */
  servers: FoundServer[]
  asked: Asked[]
}

export interface DiscoveryOptions {
  /** Of the DNS, as `10.0.0.1` or `127.0.0.1:5353`; empty: the system's. */
  dnsServers: readonly string[]
  /** Tests have web servers of their own. */
  https?: Pick<FetchOptions, 'port' | 'ca'>
  /** For everything together; default 8 s. */
  timeoutMs?: number
}

const defaultTimeoutMs = 8_000
const dnsTimeoutMs = 2_000
const dnsTries = 2

/** Never throws for what others answer. */
export async function findServers(address: string, options: DiscoveryOptions): Promise<Discovery> {
  const parts = splitAddress(address)
  if (parts === undefined) return { domain: undefined, servers: [], asked: [] }
  const { domain } = parts
  const own = ownServer(parts)
  if (own !== undefined) return { domain, servers: [own], asked: [{ what: own.sources[0] ?? '', end: 'found' }] }
  const { answers, asked } = await askAll(parts, options)
  return { domain, servers: chooseServers(parts, answers), asked }
}

async function askAll(parts: AddressParts, options: DiscoveryOptions): Promise<{ answers: Answers; asked: Asked[] }> {
  const { domain } = parts
  const resolver = new Resolver({ timeout: dnsTimeoutMs, tries: dnsTries })
  if (options.dnsServers.length > 0) resolver.setServers(options.dnsServers)
  const signal = AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs)
  signal.addEventListener('abort', () => resolver.cancel(), { once: true })
  const askOne = <T>(what: string, ask: () => Promise<T>, isUsable: (value: T) => boolean) =>
    tellEnd(what, ask, { isUsable, signal })
  const fetching: FetchOptions = { ...options.https, signal, resolve: host => addressesOf(resolver, host) }
  const [imaps, imap, exchangers, ...files] = await Promise.all([
    askOne(`SRV record _imaps._tcp.${domain}`, () => resolver.resolveSrv(`_imaps._tcp.${domain}`), isThere),
    askOne(`SRV record _imap._tcp.${domain}`, () => resolver.resolveSrv(`_imap._tcp.${domain}`), isThere),
    askOne(`MX records of ${domain}`, () => resolver.resolveMx(domain), isKnownProvider),
    ...autoconfigUrls(domain).map(url =>
      askOne(
        `autoconfig at ${url}`,
        () => readFile(url, fetching, parts),
        ({ servers }) => servers.length > 0,
      ),
    ),
  ])
  const file = files.find(({ asked }) => asked.end === 'found')
  return {
    answers: { imaps: imaps.value, imap: imap.value, exchangers: exchangers.value, autoconfig: file?.value },
    asked: [imaps, imap, exchangers, ...files].map(({ asked }) => asked),
  }
}

function isThere(records: readonly { name: string }[]): boolean {
  return records.some(({ name }) => name !== '' && name !== '.')
}

function isKnownProvider(records: readonly { exchange: string }[]): boolean {
  return records.some(({ exchange }) => providerOfExchanger(exchange.toLowerCase()) !== undefined)
}

/** The domain's own web servers; the address itself is not told to them. */
function autoconfigUrls(domain: string): string[] {
  return [
    `https://autoconfig.${domain}/mail/config-v1.1.xml`,
    `https://${domain}/.well-known/autoconfig/mail/config-v1.1.xml`,
  ]
}

async function readFile(
  url: string,
  fetching: FetchOptions,
  parts: AddressParts,
): Promise<NonNullable<Answers['autoconfig']>> {
  const { text, from } = await fetchFile(new URL(url), fetching)
  const servers = readAutoconfig(text, parts)
  if (servers === undefined) throw new Error('no configuration')
  return { where: from, servers }
}

async function addressesOf(resolver: Resolver, host: string): Promise<string[]> {
  const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  return found.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []))
}

async function tellEnd<T>(
  what: string,
  ask: () => Promise<T>,
  { isUsable, signal }: { isUsable(value: T): boolean; signal: AbortSignal },
): Promise<{ asked: Asked; value: T | undefined }> {
  try {
    const value = await ask()
    return { asked: { what, end: isUsable(value) ? 'found' : 'unusable' }, value }
  } catch (error) {
    return { asked: { what, end: signal.aborted || isSilence(error) ? 'unanswered' : 'nothing' }, value: undefined }
  }
}

const silences: ReadonlySet<string> = new Set([
  'ECANCELLED',
  'ECONNREFUSED',
  'EREFUSED',
  'ESERVFAIL',
  'ETIMEDOUT',
  'ETIMEOUT',
])

/** Nobody said that there is nothing. */
function isSilence(error: unknown): boolean {
  return silences.has((error as { code?: string }).code ?? '')
}
