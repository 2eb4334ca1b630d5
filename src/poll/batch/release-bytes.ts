// The bytes of mails that are stored are given back at once. They live for some batches, so the collector of short-lived memory has kept them by then:
// left to it, every 64 MB of mail would have V8 go through the whole heap, which costs as much as parsing.
import type { ArchivedMail } from '../../model/mail-outcome.ts'

// What is to be given back must lie in memory of its own. Node's pool, of 64 kB, would hold two small mails.
Buffer.poolSize = 8_192

/** To be called once nobody reads the mails any more: their bytes are gone. */
export function releaseBytes(archived: readonly ArchivedMail[]): void {
  for (const { mail, parsed } of archived) {
    for (const bytes of [mail.source, parsed?.text, parsed?.reply]) if (bytes instanceof Uint8Array) release(bytes)
  }
}

/** What shares its memory with others stays. */
function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && byteLength > 0) buffer.transfer(0)
}
