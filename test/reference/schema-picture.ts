// migrations/schema.sql: every table as it is after all migrations, with the comments of tables and columns, in MariaDB's spelling.
import type { Knex } from 'knex'

const head = `-- The schema after all migrations, to read: the migrations beside this file make it, and \`npm run generate\` writes this picture of it.
-- The types are spelled as MariaDB spells them; on MySQL the tables are the same.
`

/** What differs between versions of the server without a difference in the tables is left out. */
export async function schemaPicture(db: Knex): Promise<string> {
  const tables: string[] = (await db.raw('SHOW TABLES'))[0].map((row: object) => Object.values(row)[0])
  const statements: string[] = []
  for (const table of tables.toSorted()) {
    const [[row]] = await db.raw('SHOW CREATE TABLE ??', [table])
    statements.push(toPicture(row['Create Table']))
  }
  return [head, ...statements].join('\n')
}

function toPicture(statement: string): string {
  const lines = statement
    .replace(/`(\w+)`/g, '$1')
    .replace(/\b(bigint|int|smallint|mediumint)\(\d+\)/g, '$1')
    .replace(/ AUTO_INCREMENT=\d+/, '')
    .split('\n')
  const [, comment] = /COMMENT='((?:[^']|'')*)'$/.exec(lines.at(-1) ?? '') ?? []
  return `${comment === undefined ? '' : `-- ${comment.replaceAll("''", "'")}\n`}${lines.slice(0, -1).join('\n')}\n);\n`
}
