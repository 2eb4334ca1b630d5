// PURE. Base64 as mail has it (RFC 2045 §6.8): letters of no meaning are passed over. Pieces that were encoded one by one and joined have padding
// in the middle, and go on behind it; a footer that a list appends is no piece.

/** Decoded bytes. */
export function decodeBase64(coded: Buffer): Buffer {
  const padding = coded.indexOf(0x3d)
  if (padding >= 0 && isJoined(coded.subarray(padding))) return decodePieces(coded)
  return Buffer.from(coded.toString('latin1').replace(/[^A-Za-z0-9+/=]/g, ''), 'base64')
}

/** More of it follows, and nothing else: words have blanks between them, or other letters. */
function isJoined(rest: Buffer): boolean {
  let letters = 0
  let blank = false
  for (const byte of rest) {
    if (byte === 0x0a || byte === 0x0d) blank = false
    else if (byte === 0x20 || byte === 0x09) blank = true
    else if (byte === 0x3d) continue
    else if (blank || (values[byte] as number) === none) return false
    else letters += 1
  }
  return letters >= 2
}

const none = 0xff
const values = new Uint8Array(256).fill(none)
for (const [i, letter] of [
  ...Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'),
].entries())
  values[letter] = i

/** Padding ends a piece, where it may stand; elsewhere it means nothing. */
function decodePieces(coded: Buffer): Buffer {
  const out = Buffer.allocUnsafe(Math.ceil((coded.length * 3) / 4) + 3)
  let [length, bits, count] = [0, 0, 0]
  const flush = (): void => {
    for (let i = 0; i < count - 1; i++) out[length++] = (bits << (6 * (4 - count))) >> (16 - 8 * i)
    bits = 0
    count = 0
  }
  for (const byte of coded) {
    if (byte === 0x3d && count >= 2) flush()
    const value = values[byte] as number
    if (value === none) continue
    bits = (bits << 6) | value
    count += 1
    if (count === 4) flush()
  }
  flush()
  return out.subarray(0, length)
}
