// PURE. What the answers of DNS and autoconfig suggest, in the order in which it is believed: what the domain itself says of its IMAP servers, TLS from
// the start before STARTTLS, before what its MX only lets us guess. A name that cannot be a mail server's, or a server without TLS, is left out.
import type { MxRecord, SrvRecord } from 'node:dns'
import { isVisible } from '../foreign-text.ts'
import type { Destination } from '../model/destination.ts'
import { isHostInDns } from './address-domain.ts'
import type { AddressParts, ConfiguredServer } from './autoconfig.ts'
import { providerOfDomain, providerOfExchanger, providerOfHost, type WellKnown } from './well-known-providers.ts'

/** An IMAP server that somebody may send the password to. */
export interface FoundServer {
  host: string
  port: number
  security: Exclude<Destination['security'], 'cleartext'>
  username: string
  /** Who says so, in words. */
  sources: string[]
  /** Whose server it is, where that is known. */
  provider: WellKnown | undefined
}

/** What was answered; undefined: nothing, or nothing in time. */
export interface Answers {
  imaps: readonly SrvRecord[] | undefined
  imap: readonly SrvRecord[] | undefined
  exchangers: readonly MxRecord[] | undefined
  autoconfig: { where: string; servers: readonly ConfiguredServer[] } | undefined
}

/** The server of an address whose domain is a provider's own. */
export function ownServer({ domain, address }: AddressParts): FoundServer | undefined {
  const provider = providerOfDomain(domain)
  return provider && ofProvider(provider, address, `${domain} is a domain of ${provider.name}`)
}

/** All servers, the best one first. */
export function chooseServers({ domain, address }: AddressParts, answers: Answers): FoundServer[] {
  const configured = (answers.autoconfig?.servers ?? []).map(server => ({
    ...server,
    host: server.host.toLowerCase(),
    sources: [`autoconfig at ${answers.autoconfig?.where}`],
    provider: undefined,
  }))
  const found: FoundServer[] = [
    ...ofRecords(answers.imaps, 'tls', `_imaps._tcp.${domain}`, address),
    ...configured.filter(({ security }) => security === 'tls'),
    ...ofRecords(answers.imap, 'starttls', `_imap._tcp.${domain}`, address),
    ...configured.filter(({ security }) => security === 'starttls'),
    ...ofExchangers(answers.exchangers, address),
  ]
  return merged(found.filter(isPossible)).map(server => ({ ...server, provider: providerOfHost(server.host) }))
}

/** RFC 2782: the lowest priority first. The target `.` says that there is no such service. */
function ofRecords(
  records: readonly SrvRecord[] | undefined,
  security: FoundServer['security'],
  name: string,
  username: string,
): FoundServer[] {
  return (records ?? [])
    .toSorted((a, b) => a.priority - b.priority || b.weight - a.weight)
    .map(record => ({
      host: record.name.toLowerCase().replace(/\.$/, ''),
      port: record.port,
      ...{ security, username, sources: [`SRV record ${name}`], provider: undefined },
    }))
}

function ofExchangers(records: readonly MxRecord[] | undefined, username: string): FoundServer[] {
  for (const { exchange } of (records ?? []).toSorted((a, b) => a.priority - b.priority)) {
    const host = exchange.toLowerCase().replace(/\.$/, '')
    const provider = providerOfExchanger(host)
    if (provider !== undefined) return [ofProvider(provider, username, `MX record ${host}, of ${provider.name}`)]
  }
  return []
}

function ofProvider(provider: WellKnown, username: string, source: string): FoundServer {
  const { host, port, security } = provider
  return { host, port, security, username, sources: [source], provider }
}

function isPossible({ host, port, username }: FoundServer): boolean {
  return isHostInDns(host) && port > 0 && port < 65_536 && username.length <= 320 && isVisible(username)
}

/** One entry a server, with everybody who names it. */
function merged(servers: readonly FoundServer[]): FoundServer[] {
  const byServer = new Map<string, FoundServer>()
  for (const server of servers) {
    const key = `${server.host}:${server.port}`
    const before = byServer.get(key)
    if (before === undefined) byServer.set(key, { ...server, sources: [...server.sources] })
    else before.sources.push(...server.sources.filter(source => !before.sources.includes(source)))
  }
  return [...byServer.values()]
}
