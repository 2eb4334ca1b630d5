// Forms of the protocol that servers need or use and imapflow does not write or read. It has no hook for them: the functions that send a
// command, choose how to log in and take a line are wrapped.
import type { ImapFlow } from 'imapflow'

/** What is used of imapflow beyond its published types. */
interface Inside {
  options: { auth?: { user?: string; loginMethod?: string } }
  greeting?: string
  authenticate(): Promise<unknown>
  exec(command: string, attributes: unknown, options?: unknown): Promise<unknown>
  handleResponse(answer: Answer): Promise<boolean>
}

interface Answer {
  payload: Buffer
  literals?: Buffer[]
}

interface Text {
  type: string
  value: string
}

/** To be called before the connection is opened, and before anything else takes its lines: what is too long is not to come here. */
export function completeForms(client: ImapFlow): void {
  const inside = client as unknown as Inside
  const authenticate = inside.authenticate.bind(client)
  const exec = inside.exec.bind(client)
  const handle = inside.handleResponse.bind(client)
  inside.authenticate = () => {
    const { auth } = inside.options
    const method = loginMethod(auth?.user ?? '', client.capabilities, inside.greeting ?? '')
    if (auth !== undefined && method !== undefined) auth.loginMethod = method
    return authenticate()
  }
  inside.exec = (command, attributes, options) =>
    exec(command, command === 'LOGIN' ? (attributes as Text[]).map(toLiteral) : attributes, options)
  inside.handleResponse = answer => handle(withPlainLengths(answer))
}

/**
 * How to log in with a user name in which `\` or `/` stands, for which the library would take LOGIN alone. It does so for Exchange, which
 * takes `DOMAIN\user\mailbox` there only; undefined leaves the choice to it.
 */
export function loginMethod(
  user: string,
  capabilities: { has(name: string): boolean },
  greeting: string,
): string | undefined {
  if (!/[\\/]/.test(user)) return undefined
  if (/exchange/i.test(greeting) && !capabilities.has('LOGINDISABLED')) return undefined
  return ['AUTH=PLAIN', 'AUTH=LOGIN'].find(name => capabilities.has(name)) ?? 'LOGIN'
}

/** A quoted string is of seven bits and one line (RFC 3501 §9); every other text is a literal. */
function toLiteral(text: Text): unknown {
  return /[\r\n\u0080-\uffff]/.test(text.value)
    ? { ...text, type: 'LITERAL', value: Buffer.from(text.value, 'utf8') }
    : text
}

/** `{000391}` is `{391}` (`number` of RFC 3501 §9 may begin with zeros). In a line that came only a literal stands before a line end. */
function withPlainLengths(answer: Answer): Answer {
  if (!answer.literals?.length) return answer
  const line = answer.payload.toString('latin1')
  const plain = line.replace(/\{(0\d+)\}(?=\r?\n)/g, (_, digits: string) => `{${digits.replace(/^0+(?=\d)/, '')}}`)
  return plain === line ? answer : { ...answer, payload: Buffer.from(plain, 'latin1') }
}
