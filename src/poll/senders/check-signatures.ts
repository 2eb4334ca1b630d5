// Checks the DKIM signatures of a mail (RFC 6376) and the ARC seals on it (RFC 8617). Runs in the thread of check-thread.ts: hashing a large
// mail takes a while. Who is believed is decided in parse/authentication/judge-sender.ts. SPF is not checked: it is about the envelope, which
// no mailbox has.
import { arc } from 'mailauth/lib/arc/index.js'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { dmarc } from 'mailauth/lib/dmarc/index.js'
import type { AuthenticationField, AuthenticationResult, SignatureCheck } from '../../model/sender-verdict.ts'
import { parseField } from '../../parse/authentication/authentication-results.ts'
import { isSealer, judgeSender } from '../../parse/authentication/judge-sender.ts'

/** Asks the DNS, as node:dns does it. */
export type Resolve = (name: string, type: string) => Promise<string[][]>

export interface Signed {
  source: Buffer
  /** The address in From. */
  from: string
  /** Domains whose seals are believed. */
  sealers: readonly string[]
}

type Verified = Awaited<ReturnType<typeof dkimVerify>>

/** Never throws for what the mail or the DNS says: what could not be checked decides nothing. */
export async function checkSignatures({ source, from, sealers }: Signed, resolve: Resolve): Promise<SignatureCheck> {
  const verified = await dkimVerify(source, { resolver: resolve, strict: true })
  const found = {
    signatures: verified.results.flatMap(toResult),
    sealed: await readSealed(verified, sealers, resolve),
    policy: null,
  }
  if (judgeSender({ fields: [], from }, null, found).verdict !== 'fail') return found
  return { ...found, policy: await policyOf(from, resolve) }
}

function toResult({ signingDomain, status, ...signature }: Verified['results'][number]): AuthenticationResult[] {
  if (signingDomain === undefined) return []
  // Anybody can add words to what is signed in part, and a domain that still tests its keys does not want to be judged by them.
  const covered = signature.canonBodyLengthLimited !== true
  const decides = status.result === 'pass' ? covered : status.result === 'fail' && !isTesting(status)
  return [{ method: 'dkim', result: decides ? status.result : 'neutral', domain: signingDomain, policy: null }]
}

function isTesting(status: object): boolean {
  return 'testing' in status && status.testing === true
}

/** What the newest sealers saw, as far down the chain as they are trusted: each of them vouches for the one below. */
async function readSealed(
  { arc: data }: Verified,
  sealers: readonly string[],
  resolve: Resolve,
): Promise<AuthenticationField[]> {
  const newestFirst = (data?.chain || []).toReversed()
  const distrusted = newestFirst.findIndex(link => !isSealer(String(link['arc-seal']?.parsed?.d?.value ?? ''), sealers))
  const trusted = distrusted < 0 ? newestFirst : newestFirst.slice(0, distrusted)
  if (data === undefined || trusted.length === 0) return []
  const { status } = await arc(data as Parameters<typeof arc>[0], { resolver: resolve, strict: true })
  if (status.result !== 'pass') return []
  return trusted.map(link => parseField(withoutName(String(link['arc-authentication-results']?.original ?? ''))))
}

function withoutName(line: string): string {
  return line.slice(line.indexOf(':') + 1).replace(/\r?\n(?=[ \t])/g, '')
}

/** What the owner of From's domain asks for (RFC 7489 §6.3). */
async function policyOf(from: string, resolve: Resolve): Promise<SignatureCheck['policy']> {
  const found = await dmarc({ headerFrom: from, fromFields: 1, spfDomains: [], dkimDomains: [], resolver: resolve })
  const policy = found === false ? undefined : found.policy
  return policy === 'none' || policy === 'quarantine' || policy === 'reject' ? policy : null
}
