// PURE  the text of /metrics → a verdict in the words and figures of a Nagios or Icinga plugin.

export interface Verdict {
  /** 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. */
  status: 0 | 1 | 2 | 3
  /** One line: the state, what is wrong, and the figures after a bar. */
  line: string
}

const words = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const

export function toVerdict(status: Verdict['status'], text: string, figures: readonly string[] = []): Verdict {
  return {
    status,
    line: `LETTERLOCK ${words[status]} - ${text}${figures.length === 0 ? '' : ` | ${figures.join(' ')}`}`,
  }
}

interface Sample {
  name: string
  labels: Readonly<Record<string, string>>
  value: number
}

const leastFree = 0.1
const certificateDays = 14
const manyBehind = 0.2

/** `nowSeconds`: unix time. */
export function judgeMetrics(text: string, nowSeconds: number): Verdict {
  const samples = parseSamples(text)
  const of = (name: string): Sample[] => samples.filter(sample => sample.name === `letterlock_${name}`)
  const value = (name: string, label?: string): number | undefined =>
    of(name).find(({ labels }) => label === undefined || Object.values(labels).includes(label))?.value
  if (of('build_info').length === 0) return toVerdict(3, 'what answers is not Letterlock')

  const accounts = ['active', 'failing', 'waiting'].map(state => value('accounts', state) ?? 0)
  const [read, inTrouble] = [accounts.reduce((sum, count) => sum + count, 0), (accounts[1] ?? 0) + (accounts[2] ?? 0)]
  const behind = value('accounts_behind') ?? 0
  const down = of('ready').filter(sample => sample.value === 0)
  const isLocked = value('encryption_state', 'locked') === 1
  const isOn = value('encryption_state', 'on') === 1
  const critical = [
    ...down.map(({ labels: { part = '' } }) => `not ready: ${[part, ...codesOf(of('problem'), part)].join(' ')}`),
    ...(isLocked ? ['the key is missing: sealed accounts wait'] : []),
    ...(behind > manyBehind * read ? [`${behind} of ${read} accounts have not been read for 15 minutes`] : []),
  ]
  const warning = [
    ...(inTrouble > 0 ? [`${inTrouble} of ${read} accounts in trouble${inBrackets(of('accounts_in_trouble'))}`] : []),
    ...(behind > 0 && behind <= manyBehind * read ? [`${behind} accounts have not been read for 15 minutes`] : []),
    ...(isOn && (value('plaintext_secrets') ?? 0) > 0 ? ['a password is in plaintext'] : []),
    ...(value('key_backup_proven') === 0 ? ['no backup of the key is verified'] : []),
    ...spaceTroubles(of('filesystem_free_bytes'), of('filesystem_size_bytes')),
    ...certificateTroubles(of('certificate_expiry_timestamp_seconds'), nowSeconds),
  ]
  const figures = [
    `accounts=${read};;;0`,
    `in_trouble=${inTrouble};0;;0;${read}`,
    `behind=${behind};0;${Math.floor(manyBehind * read)};0;${read}`,
    `quarantined=${value('quarantined_mails') ?? 0};;;0`,
    `workers=${value('workers') ?? 0};;;0`,
    ...of('round_trip_seconds').map(({ labels, value }) => `${labels.service}_s=${value.toFixed(4)}s;0.1;;0`),
    ...of('filesystem_free_bytes').map(({ labels, value }) => `${labels.directory}_free=${value}B;;;0`),
  ]
  if (critical.length > 0) return toVerdict(2, [...critical, ...warning].join('; '), figures)
  if (warning.length > 0) return toVerdict(1, warning.join('; '), figures)
  return toVerdict(0, `${read} accounts, none in trouble`, figures)
}

/** Only what is Letterlock's own: node_exporter has figures of a process, too. With `letterlock_up`; undefined: it does not answer. */
export function toTextfile(metrics: string | undefined): string {
  const own = (metrics ?? '').split('\n').filter(line => /^(# (HELP|TYPE) )?letterlock_/.test(line))
  const up = ['# HELP letterlock_up 1 if the daemon answers', '# TYPE letterlock_up gauge']
  return [...own, ...up, `letterlock_up ${metrics === undefined ? 0 : 1}`, ''].join('\n')
}

function codesOf(problems: readonly Sample[], part: string): string[] {
  const codes = problems.filter(({ labels }) => labels.part === part).map(({ labels }) => labels.code ?? '')
  return codes.length === 0 ? [] : [`(${codes.join(', ')})`]
}

function inBrackets(byCode: readonly Sample[]): string {
  return byCode.length === 0 ? '' : ` (${byCode.map(({ labels, value }) => `${labels.code}: ${value}`).join(', ')})`
}

function spaceTroubles(free: readonly Sample[], sizes: readonly Sample[]): string[] {
  return free.flatMap(({ labels: { directory = '' }, value }) => {
    const size = sizes.find(({ labels }) => labels.directory === directory)?.value ?? 0
    if (size === 0 || value / size >= leastFree) return []
    return [`${Math.floor((100 * value) / size)} % of the disk of ${directory} is free`]
  })
}

function certificateTroubles(expiries: readonly Sample[], nowSeconds: number): string[] {
  return expiries.flatMap(({ labels, value }) => {
    const days = Math.floor((value - nowSeconds) / 86_400)
    if (days >= certificateDays) return []
    const whose = labels.of === 'web' ? 'the certificate of the web interface' : 'a certificate of a mail server'
    return [days < 0 ? `${whose} has expired` : `${whose} expires in ${days} days`]
  })
}

/** Values of labels hold no quotation mark here: they are closed lists. */
function parseSamples(text: string): Sample[] {
  return text.split('\n').flatMap(line => {
    const [, name, labels = '', value] = /^(\w+)(?:\{([^}]*)\})? (\S+)$/.exec(line) ?? []
    if (name === undefined || value === undefined) return []
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', word = '']) => [key, word] as const)
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }]
  })
}
