import iconv from 'iconv-lite'
import { expect, test } from 'vitest'
import { decodeCharset } from '../../src/parse/charset.ts'

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
