// PURE. Base64 as mail has it (RFC 2045 §6.8): letters of no meaning are passed over. Pieces that were encoded one by one and joined have padding
// in the middle, and go on behind it; a footer that a list appends is no piece. What programs write, lines of one length and nothing else, the
// platform decodes, a few lines at a time: a string of a whole attachment costs much more than decoding it.

/** Decoded bytes. */
export function decodeBase64(coded: Buffer): Buffer {
  const out = Buffer.allocUnsafe(Math.ceil((coded.length * 3) / 4) + 3)
  let length = 0
  const isRegular = decodeLines(coded, piece => {
    length += piece.copy(out, length)
  })
  return out.subarray(0, isRegular ? length : decodeLetters(coded, out))
}

const [feed, carriage, padding] = [0x0a, 0x0d, 0x3d]
const isBreak = (byte: number | undefined): boolean => byte === feed || byte === carriage

/** Letters and breaks that are decoded at once. */
const pieceBytes = 24_576
const scratch = Buffer.allocUnsafeSlow(pieceBytes)

/**
 * Decodes lines of one length, of which the last may be shorter, and gives the bytes to `take` piece by piece; each piece stands until the
 * next one. False for anything else than such lines: what was taken until then is void.
 */
export function decodeLines(coded: Buffer, take: (piece: Buffer) => void): boolean {
  // The platform takes the minus and the underscore for letters.
  if (coded.includes(0x2d) || coded.includes(0x5f)) return false
  const { width, stride } = firstLine(coded)
  if (width === 0 || width % 4 !== 0) return false
  const last = lastLine(coded, width, stride)
  const most = Math.floor(pieceBytes / stride) * stride
  for (let at = 0; at < last; at += most) {
    const end = Math.min(at + most, last)
    if (!decodeExactly(coded.toString('latin1', at, end), ((end - at) / stride) * width, take)) return false
  }
  let end = last
  while (end < coded.length && !isBreak(coded[end]) && coded[end] !== padding) end++
  for (let at = end; at < coded.length; at++) if (!isBreak(coded[at]) && coded[at] !== padding) return false
  return decodeExactly(coded.toString('latin1', last, end), end - last, take)
}

/** Its letters, and those with the break behind them. Without breaks it is cut where it suits. */
function firstLine(coded: Buffer): { width: number; stride: number } {
  const at = coded.indexOf(feed)
  if (at < 0 || at >= pieceBytes) return { width: pieceBytes, stride: pieceBytes }
  let width = at
  while (width > 0 && coded[width - 1] === carriage) width--
  return { width, stride: at + 1 }
}

/** Where the line begins that is not like those before it; the padded one is not. */
function lastLine(coded: Buffer, width: number, stride: number): number {
  const padded = coded.indexOf(padding)
  const end = padded < 0 ? coded.length : padded
  let at = 0
  while (at + stride <= end && (stride === width || hasBreak(coded, at + width, at + stride))) at += stride
  return at
}

function hasBreak(coded: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to - 1; at++) if (coded[at] !== carriage) return false
  return coded[to - 1] === feed
}

/** False unless `letters` of the text, and nothing else but breaks, stand for bytes: what is no letter writes nothing. */
function decodeExactly(text: string, letters: number, take: (piece: Buffer) => void): boolean {
  const written = scratch.write(text, 'base64')
  if (written !== Math.floor((letters * 3) / 4)) return false
  take(scratch.subarray(0, written))
  return true
}

/** Decodes whatever is a letter into `out`, and returns how many bytes that is. Padding ends it, or a piece where another one follows. */
function decodeLetters(coded: Buffer, out: Buffer): number {
  const first = coded.indexOf(padding)
  const isJoined = first >= 0 && goesOn(coded.subarray(first))
  let [length, bits, count] = [0, 0, 0]
  for (let at = 0; at < coded.length; at++) {
    const byte = coded[at] as number
    const value = values[byte] as number
    if (value === none) {
      if (byte !== padding) continue
      if (!isJoined) break
      if (count < 2) continue
      length = writeRest(out, length, bits, count)
      count = 0
      continue
    }
    bits = (bits << 6) | value
    count += 1
    if (count < 4) continue
    out[length++] = bits >> 16
    out[length++] = bits >> 8
    out[length++] = bits
    count = 0
  }
  return writeRest(out, length, bits, count)
}

/** Of two letters one byte, of three two. The place behind them. */
function writeRest(out: Buffer, at: number, bits: number, count: number): number {
  if (count === 2) out[at] = bits >> 4
  if (count === 3) out.writeUInt16BE((bits >> 2) & 0xffff, at)
  return at + Math.max(0, count - 1)
}

/** More of it follows, and nothing else: words have blanks between them, or other letters. */
function goesOn(rest: Buffer): boolean {
  let letters = 0
  let blank = false
  for (const byte of rest) {
    if (isBreak(byte)) blank = false
    else if (byte === 0x20 || byte === 0x09) blank = true
    else if (byte === padding) continue
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
