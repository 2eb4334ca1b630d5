import fc from 'fast-check'
import { expect, test } from 'vitest'
import { baseSubject } from '../../src/thread/subject.ts'
import { cpuMsOf } from '../support/cpu-time.ts'

test.each([
  ['', ''],
  ['Where is my parcel?', 'where is my parcel?'],
  ['  Where   is\tmy parcel?  ', 'where is my parcel?'],
  ['Re: Parcel', 'parcel'],
  ['RE:Parcel', 'parcel'],
  ['Re : Fwd : re: Parcel', 'parcel'],
  ['Re:: Parcel', 'parcel'],
  ['Re; Parcel', 'parcel'],
  ['Re[2]: Parcel', 'parcel'],
  ['Re(12): Parcel', 'parcel'],
  ['Re^3: Parcel', 'parcel'],
  ['Re: Re: Re: Re: Parcel', 'parcel'],
  ['FW: Parcel (fwd)', 'parcel'],
  ['FW: (fwd) FW:  Parcel', 'parcel'],
  ['FW: (Fwd) (Fwd) ', ''],
  ['[Fwd: Parcel]', 'parcel'],
  ['[RE: (no subject)]', '(no subject)'],
  ['Re: [Fwd: [Fwd: FW: Parcel]]', 'parcel'],
  ['Re: [Fwd: ] Parcel', 'parcel'],
  ['FW: [Fwd: Fw: my parcel, half of it (fwd)]', 'my parcel, half of it'],
  ['[users] Re: [users] Parcel', 'parcel'],
  ['Re: [LL-7K3F-Q2MD] Parcel', 'parcel'],
  ['【お知らせ】 荷物', '荷物'],
  ['[only a blob]', '[only a blob]'],
  ['Re: [only a blob]', '[only a blob]'],
  ['AW: WG: Paket', 'paket'],
  ['SV: VB: Paket', 'paket'],
  ['Antw: Doorst: Pakket', 'pakket'],
  ['RÉ: x', 'ré: x'],
  ['TR: Colis', 'colis'],
  ['RV: ENC: Paquete', 'paquete'],
  ['R: I: Pacco', 'r: i: pacco'],
  ['RIF: Pacco', 'pacco'],
  ['Odp: PD: Paczka', 'paczka'],
  ['YNT: İLT: Paket', 'i̇lt: paket'],
  ['回复：包裹', '包裹'],
  ['转发: 回覆: 包裹', '包裹'],
  ['답장: 소포', '소포'],
  ['Отв: Пересл: Посылка', 'посылка'],
  ['Request: a parcel', 'request: a parcel'],
  ['Reply to you', 'reply to you'],
  ['Forward planning', 'forward planning'],
  [': noah', ': noah'],
  ['Re: fwd is an acronym (four-wheel drive)', 'fwd is an acronym (four-wheel drive)'],
  ['order (fwd) of mine', 'order (fwd) of mine'],
])('the base of %j is %j', (subject, base) => {
  expect(baseSubject(subject)).toBe(base)
})

test('the base of a base is itself, and marks before it change nothing', () => {
  const marks = fc.constantFrom('Re: ', 'FW: ', 'AW: ', 'Re[3]: ', '[list] ', 'Fwd:')
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), marks, (subject, mark) => {
      const base = baseSubject(subject)
      expect(baseSubject(base)).toBe(base)
      if (base !== '') expect(baseSubject(mark + base)).toBe(base)
    }),
  )
})

test.each([
  ['marks', 'Re: '.repeat(100_000)],
  ['blanks', ' '.repeat(1_000_000)],
  ['open brackets', '['.repeat(100_000)],
  ['blobs', '[a]'.repeat(100_000)],
  ['forwards in forwards', '[Fwd: '.repeat(50_000)],
  ['trailers', ' (fwd)'.repeat(50_000)],
])('time is bounded: %s', async (_, subject) => {
  expect(await cpuMsOf(() => baseSubject(subject))).toBeLessThan(2_000)
})
