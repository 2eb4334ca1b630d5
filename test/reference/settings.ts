// docs/reference/settings.md: types, limits and defaults from the schema, meanings from the comments of config/default.toml.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import { schema } from '../../src/config/schema.ts'

/** What is used of a JSON Schema here. */
interface Field {
  type?: string
  default?: unknown
  enum?: unknown[]
  minimum?: number
  maximum?: number
  properties?: Record<string, Field>
}

export interface Setting {
  name: string
  /** As it stands in the file. */
  standard: string
  /** With what is typed between backticks. */
  allowed: string
  meaning: string
}

/** Every setting, by its section. */
export function readSettings(): [section: string, settings: Setting[]][] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' }) as Field
  const meanings = readMeanings()
  return Object.entries(properties).map(([section, { properties: fields = {} }]) => [
    section,
    Object.entries(fields).map(([name, field]) => ({
      name,
      standard: JSON.stringify(field.default),
      allowed: allowed(field),
      meaning: meanings.get(`${section}.${name}`) ?? '',
    })),
  ])
}

export function settingsPage(): string {
  return [
    '# Settings',
    '',
    'In `/etc/letterlock/letterlock.toml`, in the file after `--config`, or as environment variables: `log.level` is `LETTERLOCK_LOG_LEVEL`.',
    '`config/default.toml` is the same list as a file to copy from.',
    ...readSettings().flatMap(([section, settings]) => [
      '',
      `## [${section}]`,
      '',
      '| setting | default | allowed | meaning |',
      '|---|---|---|---|',
      ...settings.map(
        ({ name, standard, allowed, meaning }) =>
          `| \`${section}.${name}\` | \`${standard}\` | ${allowed} | ${toCell(meaning)} |`,
      ),
    ]),
    '',
  ].join('\n')
}

function allowed({ type, enum: choices, minimum, maximum }: Field): string {
  if (choices !== undefined) return choices.map(choice => `\`${choice}\``).join(', ')
  if (type === 'integer') return `${minimum} to ${maximum}`
  return type === 'boolean' ? '`true`, `false`' : 'text'
}

/** The comment above a setting, by `section.name`; one comment may stand above several settings. */
export function readMeanings(): Map<string, string> {
  const file = path.resolve(import.meta.dirname, '../../config/default.toml')
  const meanings = new Map<string, string>()
  let [section, comment, isRead] = ['', '', false]
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [, name] = /^(?:# )?(\w+) = /.exec(line) ?? []
    if (line.startsWith('[')) section = line.slice(1, -1)
    if (name !== undefined) {
      meanings.set(`${section}.${name}`, comment)
      isRead = true
    } else if (line.startsWith('#')) {
      comment = isRead || comment === '' ? line.slice(2) : `${comment} ${line.slice(2)}`
      isRead = false
    } else comment = ''
  }
  return meanings
}

/** For a cell of a table; pages that are named are linked. */
function toCell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/docs\/([\w-]+\.md)/g, '[$1](../$1)')
}
