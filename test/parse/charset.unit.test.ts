import iconv from 'iconv-lite'
import { expect, test } from 'vitest'
import { decodeCharset } from '../../src/parse/mime/charset.ts'

const western = 'Grüße, déjà vu, señor'
const samples: readonly (readonly [string, string])[] = [
  ['iso-8859-1', western],
  ['iso-8859-2', 'Zażółć gęślą jaźń'],
  ['iso-8859-5', 'Где моя посылка?'],
  ['iso-8859-7', 'Πού είναι το δέμα;'],
  ['iso-8859-9', 'Şişli, İstanbul'],
  ['iso-8859-13', 'Ačiū už siuntą'],
  ['iso-8859-15', '50 € für Öl'],
  ['windows-1250', 'Příliš žluťoučký kůň'],
  ['windows-1251', 'Где моя посылка?'],
  ['windows-1252', '“Grüße” – 50 €'],
  ['windows-1253', 'Πού είναι το δέμα;'],
  ['windows-1254', 'Şişli, İstanbul'],
  ['windows-1255', 'איפה החבילה'],
  ['windows-1256', 'أين الطرد'],
  ['windows-1257', 'Ačiū už siuntą'],
  ['windows-1258', 'ÀÁÂĂ'],
  ['windows-874', 'พัสดุอยู่ที่ไหน'],
  ['koi8-r', 'Где моя посылка?'],
  ['koi8-u', 'Де моя посилка?'],
  ['cp850', 'Größe'],
  ['cp437', 'Größe'],
  ['macintosh', 'Grüße'],
  ['tis-620', 'พัสดุ'],
  ['shift_jis', 'お問い合わせ'],
  ['euc-jp', 'お問い合わせ'],
  ['gbk', '我的订单'],
  ['gb2312', '我的订单'],
  ['gb18030', '我的订单😀'],
  ['big5', '我的訂單'],
  ['euc-kr', '주문 문의'],
  ['ks_c_5601-1987', '주문 문의'],
  ['utf-8', 'Grüße 😀'],
  ['utf-16le', 'Grüße 😀'],
  ['utf-16be', 'Grüße 😀'],
  ['utf-7', 'Grüße'],
]

test.each(samples)('%s is read as it is labelled', (label, text) => {
  expect(decodeCharset(iconv.encode(text, label), label)).toBe(text)
  expect(decodeCharset(iconv.encode(text, label), ` "${label.toUpperCase()}" `)).toBe(text)
})

const unlabelled: readonly (readonly [string, string])[] = [
  ['windows-1252', western],
  ['windows-1252', 'Où est mon colis ? Réponse à côté – merci'],
  ['windows-1252', 'Ærø, Århus, Ñandú'],
  ['windows-1251', 'Здравствуйте, где моя посылка?'],
  ['koi8-r', 'Здравствуйте, где моя посылка?'],
  ['gbk', '你好，我想问一下我的订单什么时候可以发货'],
  ['shift_jis', 'お問い合わせありがとうございます。注文について'],
  ['euc-jp', 'お問い合わせありがとうございます。メッセージについて'],
  ['euc-kr', '안녕하세요 주문한 상품이 아직 도착하지 않았습니다'],
]

test.each(unlabelled)('%s without a label, or with a wrong one, is guessed: %s', (charset, text) => {
  const bytes = iconv.encode(text, charset)
  for (const label of ['', 'us-ascii', 'unknown-8bit', 'x-no-such-charset', 'utf-8'])
    expect(decodeCharset(bytes, label)).toBe(text)
})

test('a letter that was cut in two costs that letter only', () => {
  const bytes = Buffer.concat([
    Buffer.from('Grüße aus Überlingen, Österreich, Äpfel und Öl ö ö ö'),
    Buffer.from([0xc3]),
  ])
  expect(decodeCharset(bytes, 'utf-8')).toBe('Grüße aus Überlingen, Österreich, Äpfel und Öl ö ö ö\ufffd')
})

test('shifts between charsets that follow each other at once are read on', () => {
  const word = '\u001b$BCmJ8\u001b(B'
  expect(decodeCharset(Buffer.from(word + word, 'latin1'), 'iso-2022-jp')).toBe('注文注文')
})

/** Escapes of ISO-2022-JP before and behind bytes that are written as ASCII. */
const shiftedJapanese = (bytes: string): string => `\u001b$B${bytes}\u001b(B`

test.each([
  '',
  'us-ascii',
  'utf-8',
  'iso-8859-1',
  'x-no-such-charset',
  'iso-2022-jp',
  'csISO2022JP',
  'cp50220',
  'CP50221',
  'jis',
])('Japanese in seven bits is read under the label %j', label => {
  expect(decodeCharset(Buffer.from(shiftedJapanese('$3$l$O%F%9%H$G$9!#')), label)).toBe('これはテストです。')
  expect(decodeCharset(Buffer.from(shiftedJapanese('-!-j')), label)).toBe('①㈱')
})

test('half-width kana of ISO-2022-JP are read by their escape, in eight bits, and between shifts', () => {
  expect(decodeCharset(Buffer.from('\u001b(I6E\u001b(B!'), '')).toBe('ｶﾅ!')
  expect(decodeCharset(Buffer.from(`${shiftedJapanese('$3')}\xb6\xc5`, 'latin1'), 'iso-2022-jp')).toBe('こｶﾅ')
  expect(decodeCharset(Buffer.from(`${shiftedJapanese('$3')}\u000e6E\u000f`), 'cp50222')).toBe('こｶﾅ')
})

test.each(['euc-kr', 'ks_c_5601-1987', 'KSC5601', 'cp949', 'windows-949', 'UHC'])(
  'a syllable that only Windows 949 has is read under %s',
  label => {
    expect(decodeCharset(iconv.encode('안 됬어요, 뷁', 'cp949'), label)).toBe('안 됬어요, 뷁')
  },
)

const broken: readonly (readonly [string, string, number])[] = [
  ['utf-8', 'Grüße aus Köln. Preis 5 ', 0x80],
  ['utf-8', 'Frage zu meiner Größe ', 0xc3],
  ['utf-8', 'ñ', 0xe9],
  ['euc-jp', 'お世話になっております', 0xa0],
  ['shift_jis', 'お世話になっております', 0xa0],
  ['euc-kr', '안녕하세요 주문번호', 0xff],
  ['gb18030', '你好，我的订单', 0xff],
  ['big5', '您好，請問訂單', 0xff],
]

test.each(broken)('one broken byte does not make another charset of %s: %s', (charset, text, byte) => {
  const bytes = iconv.encode(text, charset)
  expect(decodeCharset(Buffer.concat([bytes, Buffer.from([byte])]), charset).replace(/.$/u, '')).toBe(text)
  const behind = decodeCharset(Buffer.concat([Buffer.from([byte, 0x20]), bytes]), charset)
  expect(behind.endsWith(text)).toBe(true)
})

test('a text that cannot be what its label says is read as what it is', () => {
  for (const label of ['utf-8', 'us-ascii']) {
    expect(decodeCharset(Buffer.from('Grüße', 'latin1'), label)).toBe('Grüße')
    expect(decodeCharset(Buffer.from('voilà', 'latin1'), label)).toBe('voilà')
  }
})

const guessed: readonly (readonly [string, string])[] = [
  ['windows-1252', 'SITUAÇÃO DA ENCOMENDA: AÇÃO'],
  ['windows-1252', 'Reclamação sobre a situação'],
  ['windows-1252', 'ÄÖÜäöüß'],
  ['windows-1252', 'Hyvää päivää, en ole saanut pöytää'],
  ['windows-1252', 'Çà et là'],
  ['koi8-r', 'СРОЧНО НЕ ПРИШЕЛ ТОВАР'],
  ['koi8-r', 'Привет'],
  ['koi8-r', 'Мой велосипед сломался'],
  ['windows-1251', 'Привет'],
  ['windows-1251', 'СРОЧНО! НЕ ПРИШЁЛ ТОВАР'],
  ['ibm866', 'Мой велосипед сломался, замените колесо'],
  ['windows-1250', 'Mój rower się zepsuł, proszę o wymianę koła'],
  ['windows-1253', 'Το ποδήλατο μου χάλασε, θέλω αλλαγή τροχού'],
  ['windows-1254', 'Bisikletim kırıldı, lütfen tekerleği değiştirin'],
  ['windows-1255', 'האופניים שלי נשברו, נא להחליף את הגלגל'],
  ['windows-1256', 'انكسرت دراجتي وأريد تغيير العجلة من فضلكم'],
  ['windows-874', 'จักรยานของฉันพัง ต้องการเปลี่ยนล้อ'],
  ['gb18030', '问题'],
  ['big5', '我的腳踏車壞了，請更換輪子'],
  ['euc-kr', '배송 지연'],
  ['shift_jis', 'テスト'],
  ['euc-jp', 'テスト'],
  ['utf-16le', 'Where is my parcel?'],
]

test.each(guessed)('nobody says that it is %s, and it is read: %s', (charset, text) => {
  expect(decodeCharset(iconv.encode(text, charset), '')).toBe(text)
})
