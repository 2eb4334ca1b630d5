import { expect, test } from 'vitest'
import { parseAddresses } from '../../src/parse/mime/addresses.ts'
import { decodeText, parseHeaders, parseStructured } from '../../src/parse/mime/headers.ts'
import { parseMessageIds } from '../../src/parse/mime/message-ids.ts'

/** A field's value, as the letters of `text` come in a charset. */
function fieldOf(text: string): string {
  return parseHeaders(Buffer.from(`X: ${text}\r\n`)).first('x')
}

// The last byte of each is 0xA0, which is a blank in Latin-1.
test.each(['Et voilà', 'Заявка от МИР', '谢谢你'])('the last letter of %s is not cut off', text => {
  expect(decodeText(fieldOf(text))).toBe(text)
  expect(decodeText(fieldOf(`${text}\r\n more`))).toBe(`${text} more`)
  expect(parseAddresses(fieldOf(`${text} <a@example.org>`))).toEqual([{ name: text, address: 'a@example.org' }])
  expect(parseAddresses(fieldOf(`a@example.org (${text})`))).toEqual([{ name: text, address: 'a@example.org' }])
  expect(parseStructured(fieldOf(`attachment; filename=${text}`)).params.get('filename')).toBe(text)
})

test('letters of a raw field are UTF-8, whatever charset the text below is in', () => {
  expect(decodeText(fieldOf('Żółć'), 'iso-8859-2')).toBe('Żółć')
})

const names: readonly (readonly [string, string])[] = [
  [`=?utf-8?B?${Buffer.from('Firma "Süd" GmbH').toString('base64')}?=`, 'Firma "Süd" GmbH'],
  ['=?utf-8?Q?Firma_"S=C3=BCd"_GmbH?=', 'Firma "Süd" GmbH'],
  ['=?utf-8?Q?=22Anna_Berg=22?=', 'Anna Berg'],
  ['"=?utf-8?Q?Anna_Berg?="', 'Anna Berg'],
  ['"Firma \\"Süd\\" GmbH"', 'Firma "Süd" GmbH'],
  ['=?utf-8?Q?Berg,_Anna:_Ein<kauf>?=', 'Berg, Anna: Ein<kauf>'],
  ['\u200bAnna\u200b Berg\ufeff', 'Anna Berg'],
  ['=?utf-8?Q?Anna=0D=0A_Berg=00?=', 'Anna Berg'],
]

test.each(names)('quotes and signs that nobody sees leave the name in %s as it was meant', (written, name) => {
  const others = [{ name: 'Ben', address: 'ben@example.org' }]
  expect(parseAddresses(fieldOf(`${written} <a@example.org>, Ben <ben@example.org>`))).toEqual([
    { name, address: 'a@example.org' },
    ...others,
  ])
})

test.each([
  '<  anna@example.org >',
  '<anna@example.org\t>',
  '<anna @ example.org>',
  '<anna@exa\u200bmple.org>',
  '<\u202aanna@example.org\u202c>',
  '<anna@\u00a0example.org>',
  '<an\x01na@example.org\x00>',
  '<<anna@example.org>>',
  '=?utf-8?Q?anna=40example=2Eorg?=',
])('an address is itself without blanks and controls: %s', written => {
  expect(parseAddresses(fieldOf(written))).toEqual([{ name: '', address: 'anna@example.org' }])
})

test.each([
  '<1.2@helpdesk.example>',
  '=?utf-8?q?=3C1=2E2=40helpdesk=2Eexample=3E?=',
  '<=?utf-8?q?1=2E2=40helpdesk=2Eexample?=>',
  '=?utf-8?b?PDEuMkBoZWxw?= =?utf-8?b?ZGVzay5leGFtcGxlPg==?=',
  '1.2@helpdesk.example',
  '<1.2@helpdesk.example',
  '1.2@helpdesk.example>',
  '"1.2@helpdesk.example"',
  '&lt;1.2@helpdesk.example&gt;',
  '< 1.2@helpdesk.\r\n example >',
])('an id is found as it is written here: %s', written => {
  expect(parseMessageIds(fieldOf(written))).toEqual(['1.2@helpdesk.example'])
})

test('every id of a list is found, and a single word is one whatever it looks like', () => {
  expect(parseMessageIds('=?us-ascii?q?=3Ca=40x=3E?= =?us-ascii?q?_=3Cb=40x=3E?= <c@x>')).toEqual(['a@x', 'b@x', 'c@x'])
  expect(parseMessageIds('a@x, b@x')).toEqual(['a@x', 'b@x'])
  expect(parseMessageIds('20261124.1000.7')).toEqual(['20261124.1000.7'])
  expect(parseMessageIds('Your message of Tuesday')).toEqual([])
})
