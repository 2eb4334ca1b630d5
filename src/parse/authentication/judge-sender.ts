// PURE. Is a mail from the domain that its From names? The answer is what the receiving server found (RFC 8601): dmarc=pass, or dkim=pass of
// a domain that aligns with From (RFC 7489 §3.1, relaxed), passes; dmarc=fail, or dkim=fail of such a domain, fails. SPF alone says nothing
// of From.
// Believed are only fields of servers that the account trusts, by name. Whoever sends a mail can write such a field too, under any name. A
// server removes fields with its own name (RFC 8601 §5) and puts its own on top, so only the topmost hop that bears a trusted field
// counts, and where fields of it disagree the upper one or the worse one wins.
// Where they decide nothing our own check of the mail's signatures does. It cannot know what SPF said: for that one must have seen the envelope.
import { domainToASCII } from 'node:url'
import { getDomain } from 'tldts'
import type {
  AuthenticationField,
  AuthenticationResult,
  SenderEvidence,
  SenderVerdict,
  SignatureCheck,
} from '../../model/sender-verdict.ts'

/** Of a mail about which nobody was asked. */
export function unknownSender(from: string | null): SenderVerdict {
  return { verdict: 'unknown', method: null, domain: null, aligned: false, from, policy: null }
}

type Statements = Pick<SenderEvidence, 'fields' | 'from'>

/**
 * `trusted`: names of servers to believe, in lower or upper case; `*` inside a name stands for any letters, `''` for a field that names
 * nobody. Empty: no server of this mailbox writes such a field. Null: nobody said whom to believe. `check`: what we found ourselves.
 */
export function judgeSender(
  statements: Statements,
  trusted: readonly string[] | null,
  check: SignatureCheck | null = null,
): SenderVerdict {
  const said = judgeStatements(statements, trusted)
  const domain = domainOf(said.from)
  if (check === null || domain === '' || decides(said)) return said
  const found = judgeCheck(check, domain)
  if (found === undefined || (found.verdict === 'none' && said.method !== null)) return { ...said, verdict: 'none' }
  return { ...said, ...found, policy: found.verdict === 'fail' ? check.policy : said.policy }
}

/**
 * True if our own check may decide where the mail's servers do not: it bears a signature of From's organisation, and not too many of them, or
 * the seal of a forwarder that is trusted.
 */
export function needsCheck(
  evidence: SenderEvidence,
  trusted: readonly string[] | null,
  sealers: readonly string[],
): boolean {
  const domain = domainOf(evidence.from)
  if (domain === '' || evidence.signers.length > maxSignatures) return false
  const aligned = evidence.signers.some(signer => organisation(normal(signer)) === organisation(domain))
  const sealed = evidence.sealer !== null && isSealer(evidence.sealer, sealers)
  return (aligned || sealed) && !decides(judgeStatements(evidence, trusted))
}

/** Who wrote fields that stand above a Received field of the receiving side: no sender can have written those. */
export function ownServers({ fields, ownHops }: SenderEvidence): string[] {
  const own = fields.filter(({ hop, authservId }) => hop < ownHops && /^[!-:<-~]{0,255}$/.test(authservId))
  return [...new Set(own.map(({ authservId }) => authservId))]
}

/** Each costs a question to the DNS. */
const maxSignatures = 5

/** True if the domain is one of `sealers`. */
export function isSealer(domain: string, sealers: readonly string[]): boolean {
  return sealers.some(sealer => normal(sealer) === normal(domain))
}

function decides({ verdict }: Pick<SenderVerdict, 'verdict'>): boolean {
  return verdict === 'pass' || verdict === 'fail'
}

/** A seal vouches for a mail that a forwarder changed; it never speaks against one. */
function judgeCheck({ signatures, sealed }: SignatureCheck, domain: string): Found | undefined {
  const own = judgeDkim([{ authservId: '', results: signatures }], domain)
  if (own?.verdict === 'pass') return own
  for (const field of sealed) {
    const vouched = [judgeDmarc([field], domain), judgeDkim([field], domain)].some(found => found?.verdict === 'pass')
    if (vouched) return { verdict: 'pass', method: 'arc', domain, aligned: true }
  }
  return own
}

function judgeStatements({ fields, from }: Statements, trusted: readonly string[] | null): SenderVerdict {
  if (trusted === null) return unknownSender(from)
  const domain = domainOf(from)
  if (from === null || domain === '') return { ...unknownSender(from), verdict: 'none' }
  const believed = believedFields(fields, trusted)
  const dmarc = judgeDmarc(believed, domain)
  const dkim = judgeDkim(believed, domain)
  const [best] = [dmarc, dkim].filter(found => found?.verdict === 'pass')
  const [worst] = [dmarc, dkim].filter(found => found?.verdict === 'fail')
  const found = best ?? worst ?? dkim ?? dmarc
  return {
    ...unknownSender(from),
    verdict: 'none',
    ...found,
    policy: resultsOf(believed, 'dmarc').find(({ policy }) => policy !== null)?.policy ?? null,
  }
}

/** Fields of trusted servers, of the topmost hop that bears one. */
function believedFields(fields: SenderEvidence['fields'], trusted: readonly string[]): AuthenticationField[] {
  const patterns = trusted.map(toPattern)
  const own = fields.filter(({ authservId }) => patterns.some(matches => matches(authservId)))
  return own.filter(({ hop }) => hop === own[0]?.hop)
}

function toPattern(name: string): (authservId: string) => boolean {
  const wanted = name.toLowerCase()
  const [start = '', ...rest] = wanted.split('*')
  if (rest.length === 0) return id => id === wanted
  return id => {
    if (!id.startsWith(start)) return false
    let at = start.length
    for (const piece of rest.slice(0, -1)) {
      const found = id.indexOf(piece, at)
      if (found < 0) return false
      at = found + piece.length
    }
    return id.length - (rest.at(-1) as string).length >= at && id.endsWith(rest.at(-1) as string)
  }
}

type Found = Pick<SenderVerdict, 'verdict' | 'method' | 'domain' | 'aligned'>

/** Of several results the worst counts: a domain has one policy. */
function judgeDmarc(believed: readonly AuthenticationField[], domain: string): Found | undefined {
  const results = resultsOf(believed, 'dmarc').filter(({ domain: about }) => about === '' || normal(about) === domain)
  const worst = results.find(({ result }) => result === 'fail') ?? results.find(({ result }) => result !== 'pass')
  const found = worst ?? results[0]
  if (found === undefined) return undefined
  const { result } = found
  const verdict = result === 'pass' || result === 'fail' ? result : 'none'
  return { verdict, method: 'dmarc', domain, aligned: verdict === 'pass' }
}

/** A mail may bear several signatures, and one that holds is enough; they stand in one field, so the topmost that names any decides. */
function judgeDkim(believed: readonly AuthenticationField[], domain: string): Found | undefined {
  const field = believed.find(({ results }) => results.some(({ method }) => method === 'dkim'))
  const signatures = resultsOf(field === undefined ? [] : [field], 'dkim').map(({ result, domain: named }) => {
    const signer = normal(named)
    return { result, domain: signer, aligned: signer !== '' && organisation(signer) === organisation(domain) }
  })
  const own = signatures.filter(({ aligned }) => aligned)
  const found =
    own.find(({ result }) => result === 'pass') ??
    own.find(({ result }) => result === 'fail') ??
    own[0] ??
    signatures.find(({ result, domain: signer }) => result === 'pass' && signer !== '')
  if (found === undefined) return undefined
  const decides = found.aligned && (found.result === 'pass' || found.result === 'fail')
  const verdict = decides ? (found.result as 'pass' | 'fail') : 'none'
  return { verdict, method: 'dkim', domain: found.domain, aligned: found.aligned }
}

function resultsOf(fields: readonly AuthenticationField[], method: string): AuthenticationResult[] {
  return fields.flatMap(({ results }) => results.filter(result => result.method === method))
}

function domainOf(address: string | null): string {
  return address === null ? '' : normal(address.slice(address.lastIndexOf('@') + 1))
}

/** As an A-label, without a final dot; '' for what is no domain name. */
function normal(domain: string): string {
  return domainToASCII(domain.replace(/\.$/, '')).toLowerCase()
}

/** The organisational domain (RFC 7489 §3.2), by the public suffix list. */
function organisation(domain: string): string {
  return getDomain(domain, { allowPrivateDomains: true }) ?? domain
}
