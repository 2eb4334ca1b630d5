// PURE. An invitation in words (RFC 5545, RFC 5546): what, when, where and who, for mails that have no other text. Only the first event is
// told; the file itself stays an attachment.

interface Property {
  name: string
  params: string
  value: string
}

const maxBytes = 500_000
const maxProperties = 5_000
const maxGuests = 20
const maxValue = 5_000

/** Null if it holds no event. */
export function describeCalendar(calendar: string): string | null {
  const properties = propertiesOf(calendar.slice(0, maxBytes))
  const start = properties.findIndex(({ name, value }) => name === 'BEGIN' && /^(VEVENT|VTODO)$/i.test(value))
  if (start < 0) return null
  const length = properties.slice(start).findIndex(({ name }) => name === 'END')
  const event = withoutAlarms(properties.slice(start, length < 0 ? undefined : start + length))
  const method = properties.find(({ name }) => name === 'METHOD')?.value.toUpperCase() ?? ''
  const first = (name: string) => event.find(property => property.name === name)
  const text = (name: string) => plainValue(first(name)?.value ?? '')
  const guests = event.filter(({ name }) => name === 'ATTENDEE')
  const answer = method === 'REPLY' ? (parameter(guests[0], 'PARTSTAT').toLowerCase() ?? '') : ''
  const cancelled = method === 'CANCEL' || /^cancelled$/i.test(text('STATUS'))
  const title = cancelled ? 'Cancelled' : method === 'REPLY' ? answers.get(answer) : titles.get(method)
  const lines = [
    [title ?? 'Event', text('SUMMARY') || '(no title)'],
    ['When', spanOf(first('DTSTART'), first('DTEND') ?? first('DUE'))],
    ['Repeats', first('RRULE')?.value ?? ''],
    ['Where', text('LOCATION')],
    ['Organizer', person(first('ORGANIZER'))],
    ['Guests', guestsOf(guests)],
  ]
  const said = lines.filter(([, value]) => value !== '').map(([name, value]) => `${name}: ${value}`)
  const description = text('DESCRIPTION')
  return [...said, ...(description === '' ? [] : ['', description])].join('\n')
}

const titles: ReadonlyMap<string, string> = new Map(
  Object.entries({ REQUEST: 'Invitation', COUNTER: 'Counter-proposal' }),
)
const answers: ReadonlyMap<string, string> = new Map(
  Object.entries({
    accepted: 'Accepted',
    declined: 'Declined',
    tentative: 'Tentatively accepted',
  }),
)

/** RFC 5545 §3.1: a line that begins with a blank goes on with the one before it. */
function propertiesOf(calendar: string): Property[] {
  return calendar
    .replace(/\r?\n[ \t]/g, '')
    .split(/\r?\n/, maxProperties)
    .flatMap(line => {
      const colon = endOfParams(line)
      const [, name = '', params = ''] = /^([\w-]{1,100})(.*)$/s.exec(line.slice(0, colon)) ?? []
      return name === '' ? [] : [{ name: name.toUpperCase(), params, value: line.slice(colon + 1).slice(0, maxValue) }]
    })
}

/** The first colon outside of quotes. */
function endOfParams(line: string): number {
  let quoted = false
  for (let i = 0; i < Math.min(line.length, 2_000); i++) {
    if (line[i] === '"') quoted = !quoted
    if (line[i] === ':' && !quoted) return i
  }
  return line.length
}

/** What rings before an event has a description of its own. */
function withoutAlarms(event: readonly Property[]): Property[] {
  const alarm = event.findIndex(({ name }, i) => i > 0 && name === 'BEGIN')
  return alarm < 0 ? [...event] : event.slice(0, alarm)
}

function plainValue(value: string): string {
  return value
    .replace(/\\n/gi, '\n')
    .replace(/\\([\\,;])/g, '$1')
    .trim()
}

function parameter(property: Property | undefined, name: string): string {
  const [, quoted, plain] =
    new RegExp(`;${name}=(?:"([^"]{0,300})"|([^;"]{0,300}))`, 'i').exec(property?.params ?? '') ?? []
  return quoted ?? plain ?? ''
}

function spanOf(start: Property | undefined, end: Property | undefined): string {
  const from = timeOf(start?.value ?? '')
  const to = timeOf(end?.value ?? '')
  if (from === '') return ''
  const zone = parameter(start, 'TZID')
  const sameDay = from.slice(0, 10) === to.slice(0, 10) && to.length > 10
  const until = to === '' || to === from ? '' : ` – ${sameDay ? to.slice(11) : to}`
  return `${from}${until}${zone === '' ? '' : ` (${zone})`}`
}

/** `20261201T100000Z` for people. */
function timeOf(value: string): string {
  const [, year, month, day, hour, minute, utc] = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?/.exec(value) ?? []
  if (year === undefined) return ''
  return `${year}-${month}-${day}${hour === undefined ? '' : ` ${hour}:${minute}`}${utc === 'Z' ? ' UTC' : ''}`
}

function person(property: Property | undefined): string {
  const address = (property?.value ?? '').replace(/^mailto:/i, '').slice(0, 300)
  const name = parameter(property, 'CN')
  return name === '' || name === address ? address : address === '' ? name : `${name} <${address}>`
}

function guestsOf(guests: readonly Property[]): string {
  const named = guests.slice(0, maxGuests).map(person)
  const more = guests.length - named.length
  return named.join(', ') + (more > 0 ? ` and ${more} more` : '')
}
