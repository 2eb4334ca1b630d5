// Bytes of some charset → text. Labels as in mail (RFC 2978 names and the mistakes around them); the WHATWG decoders of the
// platform first, iconv-lite for what they lack, two small ones for what both lack. Wrong or missing labels are repaired: bytes
// that are not what the label says are looked at themselves.
import { isAscii, isUtf8 } from 'node:buffer'
import iconv from 'iconv-lite'

/** Never throws. `label` may be empty. */
export function decodeCharset(bytes: Uint8Array, label: string): string {
  const name = normalise(label)
  if (isAscii(bytes) && !shifting.has(name)) return latin1(bytes)
  if (name === '' || name === 'us-ascii' || name === 'utf-8' || name === '8bit' || name.includes('unknown'))
    return guess(bytes)
  if (name === 'hz-gb-2312') return fromHz(bytes)
  if (name === 'iso-2022-kr') return fromIso2022Kr(bytes)
  if (name === 'utf-7') return iconv.decode(Buffer.from(bytes), 'utf-7')
  const text = decodeWith(name === 'iso-2022-jp' ? withoutEmptyShifts(bytes) : bytes, name)
  if (text === undefined) return guess(bytes)
  return text.includes('\ufffd') && !isAscii(bytes) ? better(text, guess(bytes)) : text
}

/** The charset of a code page, as Windows counts them. */
export function codePageName(page: number): string {
  const names: Readonly<Record<number, string>> = {
    65001: 'utf-8',
    20127: 'us-ascii',
    20866: 'koi8-r',
    932: 'shift_jis',
    936: 'gbk',
    949: 'euc-kr',
    950: 'big5',
    50220: 'iso-2022-jp',
  }
  if (page >= 28591 && page <= 28605) return `iso-8859-${page - 28590}`
  return names[page] ?? `windows-${page}`
}

/** Charsets that write other letters with ASCII bytes. */
const shifting: ReadonlySet<string> = new Set([
  'iso-2022-jp',
  'iso-2022-kr',
  'hz-gb-2312',
  'utf-7',
  'utf-16',
  'utf-16le',
  'utf-16be',
  'utf-32',
  'utf-32le',
  'utf-32be',
])

function normalise(label: string): string {
  const name = label
    .trim()
    .toLowerCase()
    .replace(/^["']|["']$/g, '')
    .replace(/^x-(?=sjis|gbk|euc|mac)/, 'x-')
    .replace(/_/g, '-')
  return aliases.get(name) ?? name
}

const aliases: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ascii: 'us-ascii',
    'ansi-x3.4-1968': 'us-ascii',
    '7bit': 'us-ascii',
    utf8: 'utf-8',
    'unicode-1-1-utf-7': 'utf-7',
    utf7: 'utf-7',
    'ks-c-5601-1987': 'euc-kr',
    ksc5601: 'euc-kr',
    'shift-jis': 'shift_jis',
    sjis: 'shift_jis',
    cp932: 'shift_jis',
    'iso-2022-jp-ms': 'iso-2022-jp',
    'iso-2022-jp-1': 'iso-2022-jp',
    'iso-2022-jp-2': 'iso-2022-jp',
    cp936: 'gbk',
    gb2312: 'gb18030',
    gbk: 'gb18030',
    'gb-2312': 'gb18030',
    cp1252: 'windows-1252',
    cp1251: 'windows-1251',
    cp1250: 'windows-1250',
    'iso-8859-8-i': 'iso-8859-8',
    hz: 'hz-gb-2312',
  }),
)

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

type Decoder = InstanceType<typeof TextDecoder>

const decoders = new Map<string, Decoder | null>()

function decodeWith(bytes: Uint8Array, name: string): string | undefined {
  if (!decoders.has(name)) decoders.set(name, openDecoder(name))
  const decoder = decoders.get(name)
  if (decoder) return decoder.decode(bytes)
  return iconv.encodingExists(name) ? iconv.decode(Buffer.from(bytes), name) : undefined
}

function openDecoder(name: string): Decoder | null {
  try {
    return new TextDecoder(name)
  } catch {
    return null
  }
}

/** What is looked at to tell in which charset a text may be. */
const maxSample = 16_384

/** What bytes without a true label are: UTF-8 if they are valid, else the most plausible of what such mail is written in. */
export function guess(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return decodeUtf8(bytes)
  const sample = bytes.subarray(0, maxSample)
  if (isNearlyUtf8(sample)) return decodeUtf8(bytes)
  const asian = likelyAsian(sample).find(name => decodeFatal(bytes, name) !== undefined)
  return decodeWith(bytes, asian ?? likelyEuropean(sample)) ?? latin1(bytes)
}

/** Without the byte order mark. */
function decodeUtf8(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

/**
 * Which East Asian charsets the bytes may be in, the likelier first. Western text has its letters above 0x9F one by one between ASCII
 * ones; GBK, EUC-KR and EUC-JP have them in pairs; Shift_JIS begins most letters with a byte of 0x81 to 0x9F, where windows-1252 has
 * hardly a letter. Of the pairs, kana begin with 0xA4 and 0xA5, and Hangul with 0xB0 to 0xC8, over which the Chinese ones go far.
 */
function likelyAsian(bytes: Uint8Array): string[] {
  let [high, low, paired, kana, hangul] = [0, 0, 0, 0, 0]
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number
    if (byte < 0x80) continue
    high++
    if (byte < 0xa0) low++
    if (byte < 0xa1 || (bytes[i + 1] ?? 0) < 0xa1) continue
    high++
    paired += 2
    i++
    if (byte === 0xa4 || byte === 0xa5) kana += 2
    if (byte >= 0xb0 && byte <= 0xc8) hangul += 2
  }
  const names: string[] = []
  if (low >= 0.4 * high && low >= 2 && isPlausible(bytes, 'shift_jis')) names.push('shift_jis')
  if (paired < 0.9 * high || high < 4) return names
  if (kana >= 0.2 * paired) names.push('euc-jp')
  if (hangul >= 0.95 * paired && paired >= 8) names.push('euc-kr')
  return [...names, ...['gb18030', 'euc-kr'].filter(name => isPlausible(bytes, name))]
}

/** Cyrillic has whole words above ASCII, with most letters small; Western languages have single letters. */
function likelyEuropean(bytes: Uint8Array): string {
  let [high, inWords, upperHalf] = [0, 0, 0]
  for (let i = 0; i < bytes.length; i++) {
    if ((bytes[i] as number) < 0x80) continue
    high++
    if ((bytes[i] as number) >= 0xc0 && ((bytes[i - 1] ?? 0) >= 0xc0 || (bytes[i + 1] ?? 0) >= 0xc0)) inWords++
    if ((bytes[i] as number) >= 0xe0) upperHalf++
  }
  if (high < 4 || inWords < 0.8 * high) return 'windows-1252'
  return upperHalf >= 0.5 * high ? 'windows-1251' : 'koi8-r'
}

/** Mostly well-formed multi-byte sequences, as of a text that was cut or joined in the middle of a letter. */
function isNearlyUtf8(bytes: Uint8Array): boolean {
  const text = new TextDecoder('utf-8').decode(bytes)
  const broken = [...text].filter(letter => letter === '\ufffd').length
  const foreign = [...text].filter(letter => letter > '\u007f').length
  return foreign - broken > 4 * broken
}

function decodeFatal(bytes: Uint8Array, name: string): string | undefined {
  try {
    return new TextDecoder(name, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Nearly all foreign letters are common ones in East Asian text; few letters prove nothing. */
function isPlausible(bytes: Uint8Array, name: string): boolean {
  const foreign = [...(decodeWith(bytes, name) ?? '')].filter(letter => letter > '\u007f')
  if (foreign.length < 2) return false
  const common = foreign.filter(letter => /[\u3000-\u30ff\u4e00-\u9fa5\uac00-\ud7a3\uff00-\uff60]/.test(letter))
  const halfWidth = foreign.filter(letter => /[\uff61-\uff9f]/.test(letter))
  return common.length - halfWidth.length > 0.8 * foreign.length
}

function better(labelled: string, guessed: string): string {
  const broken = (text: string) => text.split('\ufffd').length
  return broken(guessed) < broken(labelled) ? guessed : labelled
}

/** A shift back that is followed by another shift at once is an error to the platform's decoder; joined texts have many. */
function withoutEmptyShifts(bytes: Uint8Array): Uint8Array {
  const esc = '\u001b'
  const text = latin1(bytes)
  const isEmpty = ['(B', '(J'].some(shift => text.includes(`${esc}${shift}${esc}`))
  return isEmpty ? Buffer.from(text.replace(new RegExp(`${esc}\\([BJ](?=${esc})`, 'g'), ''), 'latin1') : bytes
}

/** RFC 1843: `~{` begins GB 2312 in seven bits, `~}` ends it. */
function fromHz(bytes: Uint8Array): string {
  return latin1(bytes)
    .replace(/~\r?\n/g, '')
    .replace(/~\{([\s\S]*?)(~\}|$)/g, (_, run: string) => eightBit(run, 'gb18030'))
    .replace(/~~/g, '~')
}

/** RFC 1557: SO begins KS X 1001 in seven bits, SI ends it. */
function fromIso2022Kr(bytes: Uint8Array): string {
  const [so, si, esc] = ['\u000e', '\u000f', '\u001b']
  return latin1(bytes)
    .replaceAll(`${esc}$)C`, '')
    .replace(new RegExp(`${so}([^${si}\\n]*)(?:${si}|(?=\\n)|$)`, 'g'), (_, run: string) => eightBit(run, 'euc-kr'))
}

function eightBit(run: string, charset: string): string {
  const bytes = Buffer.from(run, 'latin1').map(byte => (byte > 0x20 ? byte | 0x80 : byte))
  return new TextDecoder(charset).decode(bytes)
}
