// PURE. Reads the configuration that a domain publishes for mail programs (autoconfig, `config-v1.1.xml`). Only IMAP servers with TLS count; what is
// not understood is left out. Nothing of it is more than a suggestion.
import { type Parser as HtmlParser, Parser } from 'htmlparser2'
import type { Destination } from '../model/destination.ts'

/** An IMAP server that a configuration names. */
export interface ConfiguredServer {
  host: string
  port: number
  security: Exclude<Destination['security'], 'cleartext'>
  /** As what the server knows the mailbox. */
  username: string
}

/** The address in its parts. */
export interface AddressParts {
  address: string
  localPart: string
  /** As an A-label. */
  domain: string
}

const securities: Readonly<Record<string, ConfiguredServer['security']>> = { SSL: 'tls', STARTTLS: 'starttls' }

/** IMAP servers with TLS, in the configuration's order; undefined for a text that is no such configuration. */
export function readAutoconfig(xml: string, address: AddressParts): ConfiguredServer[] | undefined {
  const path: string[] = []
  const found: Record<string, string>[] = []
  let isConfiguration = false
  let current: Record<string, string> | undefined
  const parser: HtmlParser = new Parser(
    {
      onopentag(name, attributes) {
        path.push(name)
        const at = path.join('/')
        isConfiguration ||= at === 'clientConfig'
        if (at !== serverAt || attributes.type !== 'imap') return
        current = {}
        found.push(current)
      },
      ontext(text) {
        const name = path.at(-1) ?? ''
        if (current !== undefined && path.length === depth + 1) current[name] = (current[name] ?? '') + text
      },
      onclosetag() {
        if (path.length === depth) current = undefined
        path.pop()
      },
    },
    { xmlMode: true, decodeEntities: true },
  )
  parser.end(xml)
  if (!isConfiguration) return undefined
  return found.flatMap(server => toServer(server, address))
}

const serverAt = 'clientConfig/emailProvider/incomingServer'
const depth = serverAt.split('/').length

function toServer(server: Readonly<Record<string, string>>, address: AddressParts): ConfiguredServer[] {
  const text = (name: string): string => fillIn((server[name] ?? '').trim(), address)
  const security = securities[text('socketType')]
  const port = Number(text('port'))
  if (security === undefined || !Number.isInteger(port)) return []
  return [{ host: text('hostname'), port, security, username: text('username') || address.address }]
}

function fillIn(text: string, { address, localPart, domain }: AddressParts): string {
  return text
    .replaceAll('%EMAILADDRESS%', address)
    .replaceAll('%EMAILLOCALPART%', localPart)
    .replaceAll('%EMAILDOMAIN%', domain)
}
