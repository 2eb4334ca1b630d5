// PURE. The canary: a mail of ours that has to come back as any mail does. Its Message-ID holds a token of 256 random bits, of which only the hash is stored,
// and which is good once: a stranger cannot make mail vanish by calling it a canary.
import { createHash } from 'node:crypto'

const prefix = 'letterlock-canary.'
const domain = '@letterlock.invalid'

/** The hash of the token in a Message-ID; undefined: it is no canary's. */
export function canaryHashOf(messageId: string): Buffer | undefined {
  if (!messageId.startsWith(prefix) || !messageId.endsWith(domain)) return undefined
  const token = messageId.slice(prefix.length, -domain.length)
  return /^[\w-]{43}$/.test(token) ? hashOfToken(token) : undefined
}

export function hashOfToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** The mail. `token`: 32 random bytes in base64url. */
export function canaryMail({ token, address, now }: { token: string; address: string; now: Date }): Buffer {
  const lines = [
    'From: Letterlock <canary@letterlock.invalid>',
    `To: ${/^[\x21-\x7e]+$/.test(address) ? address : 'canary@letterlock.invalid'}`,
    'Subject: Letterlock canary',
    `Date: ${now.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${prefix}${token}${domain}>`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'Letterlock put this mail here to prove that new mail is received.',
    'It removes it again as soon as it has seen it.',
    '',
  ]
  return Buffer.from(lines.join('\r\n'))
}
