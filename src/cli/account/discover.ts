// `letterlock account discover`, and the server that `account add` finds for an address alone: what was found, by whom it is named, and a question before
// a password goes there.

import type { FoundServer } from '../../discovery/choose-servers.ts'
import type { Asked, Discovery } from '../../discovery/find-servers.ts'
import { CommandError } from '../../errors/errors.ts'
import type { Deps } from '../../operations/deps.ts'
import { discoverServer } from '../../operations/discover-server.ts'
import { commandActor } from '../actor.ts'
import { askFor } from '../ask.ts'
import type { GlobalOptions } from '../connect.ts'
import { confirm, printJson, printTable, remark } from '../terminal.ts'

export async function printDiscovery(address: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const found = await askFor(discoverServer, options, { input: { address }, names: { address: 'the address' } })
  if (found.servers.length === 0) throw nothingFound(address, found)
  if (options.json) return await printJson(found.servers.map(toShown))
  await printTable(
    ['SERVER', 'SECURITY', 'USER NAME', 'WANTS', 'FOUND BY'],
    found.servers.map(({ host, port, security, username, provider, sources }) => [
      `${host}:${port}`,
      security,
      username,
      provider?.wants ?? '-',
      sources.join(', '),
    ]),
  )
}

function toShown({ provider, sources, ...server }: FoundServer): object {
  return { ...server, provider: provider?.name ?? null, wants: provider?.wants ?? null, sources }
}

/** What a server is logged in to with. */
export type FoundDestination = Pick<FoundServer, 'host' | 'port' | 'security' | 'username'>

/** Finds the server, shows it, and has somebody agree to it. What was `given` wins. Throws CommandError. */
export async function chooseServer(
  deps: Deps,
  address: string,
  options: { yes?: boolean },
  given: Partial<FoundDestination>,
): Promise<FoundDestination> {
  remark(`looking for the mail server of ${address} …`)
  const found = await discoverServer.run(deps, commandActor(), { address })
  const [best, ...others] = found.servers
  if (best === undefined) throw nothingFound(address, found)
  const { sources, provider, ...server } = { ...best, ...given }
  remark(`found ${inWords(server)}: ${sources.join(', ')}`)
  for (const other of others) remark(`also found ${inWords(other)}: ${other.sources.join(', ')}`)
  if (provider?.wants === 'OAuth 2')
    throw new CommandError(
      `the mail of ${address} is at ${provider.name}, which wants OAuth 2: nothing was sent there`,
      `sign in with OAuth: letterlock account add ${address} --oauth ${provider.oauth ?? 'PROVIDER'} --client-id ID; docs/oauth.md has the steps`,
    )
  if (provider !== undefined) remark(`${provider.name} wants ${articles[provider.wants]}. ${provider.note}`)
  await confirm(`Send the password for ${address} to ${inWords(server)}?`, options)
  return server
}

const articles = { 'app password': 'an app password', password: 'the password', 'OAuth 2': 'OAuth 2' } as const

function inWords({ host, port, security }: FoundDestination): string {
  return `${host}:${port} with ${security}`
}

const ends: Readonly<Record<Asked['end'], string>> = {
  found: 'an answer',
  nothing: 'nothing',
  unusable: 'no IMAP server with TLS',
  unanswered: 'no answer',
}

function nothingFound(address: string, { domain, asked }: Discovery): CommandError {
  const hint = 'ask the administrator of the domain’s mail for the name of the IMAP server, and pass it: --host HOST'
  if (domain === undefined)
    return new CommandError(`no mail server can be found for ${address}: its domain is no name of the DNS`, hint)
  const lines = asked.map(({ what, end }) => `\n       ${what}: ${ends[end]}`)
  return new CommandError(`no mail server was found for ${address}${lines.join('')}`, hint)
}
