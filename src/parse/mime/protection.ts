// PURE. Signed and encrypted mail is recognised and kept as it came (S/MIME: RFC 8551, PGP/MIME: RFC 3156, and PGP in the text); nothing is
// checked or decrypted. The reason tells an agent why a mail has no words, and that its sender's words may be signed.
import type { Part } from './boundary-scan.ts'

/** The reasons, at most one signed and one encrypted. */
export function protectionOf(parts: readonly Part[], text: string): string[] {
  const found = parts.map(ofPart).filter(reason => reason !== null)
  const inline = /^-----BEGIN PGP (SIGNED )?MESSAGE-----[ \t]{0,9}$/m.exec(text)
  if (inline !== null) found.push(inline[1] === undefined ? 'pgp-encrypted' : 'pgp-signed')
  return [...new Set(found)]
}

function ofPart({ type, children }: Part): string | null {
  const protocol = type.params.get('protocol')?.toLowerCase() ?? ''
  const isPgp = protocol.includes('pgp') || children.some(child => child.type.value.startsWith('application/pgp-'))
  if (type.value === 'multipart/signed') return isPgp ? 'pgp-signed' : 'smime-signed'
  if (type.value === 'multipart/encrypted') return isPgp ? 'pgp-encrypted' : 'smime-encrypted'
  if (!/^application\/(x-)?pkcs7-mime$/.test(type.value)) return null
  return isSigned(type.params.get('smime-type'), type.params.get('name')) ? 'smime-signed' : 'smime-encrypted'
}

/** `.p7m` is the name of both, `.p7s` of signatures only. */
function isSigned(kind = '', name = ''): boolean {
  return /^signed-data$/i.test(kind) || (kind === '' && /\.p7s$/i.test(name))
}
