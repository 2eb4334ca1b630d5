// PURE. The names that mail has for charsets (RFC 2978, IANA, Windows, Java, Macs, and the mistakes around them) → the one that is decoded by.

/** The charset that a label means, in lower case; a label that is not known comes back as it stands. */
export function charsetOf(label: string): string {
  const name = label
    .slice(0, 100)
    .trim()
    .toLowerCase()
    .replace(/^["'<]+|["'>;]+$/g, '')
    .replace(/^charset[=_-]+/, '')
    .replace(/_/g, '-')
  // RFC 2231: the language may follow.
  const plain = name.replace(/\*.*$/, '').replace(/\s+/g, '-')
  return aliases.get(plain) ?? aliases.get(plain.replace(/[^a-z0-9]/g, '')) ?? byNumber(plain) ?? plain
}

/** True for a label that tells nothing about bytes above ASCII. */
export function saysNothing(name: string): boolean {
  return name === '' || name === 'us-ascii' || name.includes('unknown') || empty.has(name)
}

const empty: ReadonlySet<string> = new Set(
  '8bit 7bit binary none default ansi text iso auto autodetect x-autodetect x-user-defined user-defined charset null undefined utf utf8mb4'.split(
    ' ',
  ),
)

/** `cp1251`, `windows1251`, `win-1251`, `ms1251`, `iso8859-5`, `latin2`, `koi8`. */
function byNumber(name: string): string | undefined {
  const [, page] = /^(?:x-)?(?:cs)?(?:windows|win|cp|ms|ibm|ansi|codepage)-?(125[0-8]|874)$/.exec(name) ?? []
  if (page !== undefined) return `windows-${page}`
  const [, part] = /^(?:x-)?(?:cs)?(?:iso-?|is)?8859-?(1[0-6]|[1-9])(?:-[ei])?(?::\d{4})?$/.exec(name) ?? []
  if (part !== undefined) return `iso-8859-${part}`
  const [, latin] = /^(?:cs)?(?:iso)?-?l(?:atin)?-?([1-9]|10)$/.exec(name) ?? []
  if (latin !== undefined) return `iso-8859-${latins[Number(latin) - 1]}`
  const [, dos] =
    /^(?:x-)?(?:cs)?(?:cp|ibm|dos|pc)-?(437|720|737|775|85[0257-8]|86[0-69]|1125)(?:multilingual)?$/.exec(name) ?? []
  return dos === undefined ? undefined : dos === '866' ? 'ibm866' : `cp${dos}`
}

const latins = [1, 2, 3, 4, 9, 10, 13, 14, 15, 16]

/** By charset, every other name of it; what is not a letter or a digit may be missing or another. */
const names: Readonly<Record<string, string>> = {
  'us-ascii': 'ascii ansix341968 iso646us iso646irv646 us csascii ibm367 cp367 isoir6 usascii7 ansi',
  'utf-8':
    'utf8 unicode11utf8 xutf8 csutf8 utf8mac unicode unicode20utf8 utf8bom utf8mb3 utf 65001 cp65001 windows65001',
  'utf-7': 'utf7 unicode11utf7 csunicode11utf7 unicode20utf7 xunicode20utf7 cp65000',
  'utf-16': 'utf16 csutf16 ucs2 iso10646ucs2 csunicode unicodefffe',
  'utf-16le': 'utf16le ucs2le',
  'utf-16be': 'utf16be ucs2be',
  'utf-32': 'utf32 ucs4 iso10646ucs4',
  'euc-kr':
    'euckr cseuckr ksc56011987 ksc56011989 ksc5601 csksc56011987 korean isoir149 cp949 ms949 windows949 xwindows949 uhc xuhc xcp949 949 ksx1001 ks56011987 ksc5601xuhc',
  'iso-2022-kr': 'iso2022kr csiso2022kr',
  shift_jis:
    'shiftjis sjis xsjis mskanji csshiftjis cp932 ms932 windows31j cswindows31j xms932 windows932 932 xshiftjis sjiswin cp943 cp943c ibm943 xmacjapanese shiftjis2004 sjisdocomo sjiskddi sjissoftbank',
  'euc-jp':
    'eucjp xeucjp cseucpkdfmtjapanese eucjpms eucjpwin cp51932 eucjp2004 ujis xeuc eucjpopen extendedunixcodepackedformatforjapanese windows51932 cp20932',
  'iso-2022-jp':
    'iso2022jp csiso2022jp csiso2022jp2 iso2022jp1 iso2022jp2 iso2022jp3 iso2022jp2004 iso2022jpms iso2022jpext cp50220 cp50221 cp50222 windows50220 windows50221 windows50222 50220 50221 50222 jis xjis jis7 junet jisencoding csjisencoding iso2022jp0 xwindowsiso2022jp iso2022jpmobile',
  gb18030:
    'gb180302000 gb180302005 gb2312 gb231280 csgb2312 csiso58gb231280 gbk csgbk xgbk cp936 ms936 windows936 936 chinese isoir58 euccn xeuccn gb gb23121980 xmacchinesesimp gbk2k xmsgbk cp54936',
  'hz-gb-2312': 'hz hzgb2312 hzgb xhzgb2312',
  'iso-2022-cn': 'iso2022cn csiso2022cn iso2022cnext',
  big5: 'big5 csbig5 cnbig5 xxbig5 big5hkscs big5hk big5eten xbig5 cp950 ms950 windows950 950 xmacchinesetrad bigfive',
  'koi8-r': 'koi8r koi8 koi cskoi8r koi8rfc cp20866 20866 xkoi8r koirfc koi8ru',
  'koi8-u': 'koi8u cskoi8u cp21866 21866 koi8unicode',
  macintosh: 'mac macintosh csmacintosh xmacroman macroman xmac',
  'x-mac-cyrillic': 'xmaccyrillic maccyrillic xmacukrainian',
  'windows-874': 'tis620 tis6200 tis62025290 iso885911 thai windows874 dosthai',
  'windows-1252':
    'cp1252 windows1252 win1252 ansi1252 xansi xcp1252 iso88591 iso885911987 latin1 csisolatin1 isoir100 l1 ibm819 cp819 iso8859 88591 winlatin1 windowslatin1 iso',
  'windows-1254': 'iso88599 latin5 csisolatin5 turkish xmacturkish',
  'iso-8859-8': 'hebrew csisolatinhebrew visual logical iso88598i iso88598e csiso88598i csiso88598e',
  'iso-8859-6': 'arabic csisolatinarabic asmo708 ecma114 iso88596i iso88596e',
  'iso-8859-7': 'greek greek8 csisolatingreek elot928 ecma118 suneugreek',
  'iso-8859-5': 'cyrillic csisolatincyrillic isoir144',
  'iso-8859-15': 'latin9 csisolatin9 l9 csiso885915',
  'windows-1258': 'vietnamese viet xviet cp1258',
  viscii: 'viscii csviscii viscii111',
  tcvn: 'tcvn tcvn5712 xviettcvn5712',
}

const aliases: ReadonlyMap<string, string> = new Map(
  Object.entries(names).flatMap(
    ([name, others]) => [[name, name], ...others.split(' ').map(other => [other, name])] as [string, string][],
  ),
)
