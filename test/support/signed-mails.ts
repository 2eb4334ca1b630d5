// Mails that their domains sign (DKIM) and lists seal (ARC), with keys made here.
import { generateKeyPairSync } from 'node:crypto'
import { sealMessage } from 'mailauth/lib/arc/index.js'
import { dkimSign } from 'mailauth/lib/dkim/sign.js'

export interface Signer {
  domain: string
  privateKey: string
  /** Name and text of the record that holds the key. */
  record: [name: string, text: string]
}

const selector = 'test'

export function createSigner(domain: string, type: 'ed25519' | 'rsa' = 'ed25519'): Signer {
  const { privateKey, publicKey } =
    type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519')
  const der = publicKey.export({ type: 'spki', format: 'der' })
  // RFC 8463 §4: the 32 bytes of the key alone.
  const text =
    type === 'rsa'
      ? `v=DKIM1; k=rsa; p=${der.toString('base64')}`
      : `v=DKIM1; k=ed25519; p=${der.subarray(-32).toString('base64')}`
  return {
    domain,
    privateKey: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    record: [`${selector}._domainkey.${domain}`, text],
  }
}

export async function signed(
  mail: Buffer,
  { domain, privateKey }: Signer,
  more: { maxBodyLength?: number } = {},
): Promise<Buffer> {
  const { signatures, errors } = await dkimSign(mail, {
    signatureData: [{ signingDomain: domain, selector, privateKey, ...more }],
  } as unknown as Parameters<typeof dkimSign>[1])
  if (errors.length > 0) throw new Error(`not signed: ${JSON.stringify(errors)}`)
  return Buffer.concat([Buffer.from(signatures), mail])
}

/** `saw`: what the sealer says of the mail as it reached it. */
export async function sealed(mail: Buffer, { domain, privateKey }: Signer, saw: string): Promise<Buffer> {
  const seal = { signingDomain: domain, selector, privateKey, authResults: `mx.${domain}; ${saw}`, cv: 'none' }
  const fields = await sealMessage(mail, seal as Parameters<typeof sealMessage>[1])
  if (fields.length === 0) throw new Error('not sealed')
  return Buffer.concat([fields, mail])
}
