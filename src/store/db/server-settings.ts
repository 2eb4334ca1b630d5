// Settings of the database server that decide whether mail can be stored: `letterlock doctor` and `migrate` name those that do not fit.
import type { Knex } from 'knex'

export interface SettingFault {
  /** The server's variable. */
  name: 'read_only' | 'max_allowed_packet' | 'sql_mode' | 'isolation'
  /** `note`: it harms others than us. */
  level: 'fault' | 'note'
  message: string
  hint: string
}

/** What the server says; a variable that it does not have is ''. */
export interface ServerSettings {
  /** Of the whole server: a replica, or one that was made read-only. */
  readOnly: boolean
  maxAllowedPacket: number
  /** Of our sessions, which ask for it themselves. */
  sqlMode: string
  isolation: string
  /** Of sessions that ask for nothing. */
  globalSqlMode: string
}

/** Text, people and new words of the largest message that is stored. */
const neededPacket = 16_777_216

export async function readServerSettings(db: Knex): Promise<ServerSettings> {
  const read = async (scope: 'SESSION' | 'GLOBAL') => {
    const [rows] = (await db.raw(
      `SHOW ${scope} VARIABLES WHERE Variable_name IN ('read_only', 'innodb_read_only', 'max_allowed_packet', 'sql_mode', 'transaction_isolation', 'tx_isolation')`,
    )) as [{ Variable_name: string; Value: string }[]]
    return new Map(rows.map(row => [row.Variable_name, row.Value]))
  }
  const session = await read('SESSION')
  const isOn = (name: string): boolean => !/^(|0|off)$/i.test(session.get(name) ?? '')
  return {
    readOnly: isOn('read_only') || isOn('innodb_read_only'),
    maxAllowedPacket: Number(session.get('max_allowed_packet')),
    sqlMode: session.get('sql_mode') ?? '',
    isolation: session.get('transaction_isolation') ?? session.get('tx_isolation') ?? '',
    globalSqlMode: (await read('GLOBAL')).get('sql_mode') ?? '',
  }
}

/** Those that do not fit. */
export function judgeServerSettings(settings: ServerSettings): SettingFault[] {
  const { readOnly, maxAllowedPacket, sqlMode, isolation, globalSqlMode } = settings
  const found: SettingFault[] = []
  if (readOnly) {
    found.push({
      name: 'read_only',
      level: 'fault',
      message: 'the server is read-only (read_only): no mail can be stored',
      hint: 'name the primary in database.url, or all servers of the cluster (mysql://user@db1,db2/database), or `SET GLOBAL read_only = 0` if this is the primary',
    })
  }
  if (maxAllowedPacket < neededPacket) {
    found.push({
      name: 'max_allowed_packet',
      level: 'fault',
      message: `max_allowed_packet is ${maxAllowedPacket}, letterlock needs ${neededPacket}: a mail with more text than that cannot be stored`,
      hint: '`SET GLOBAL max_allowed_packet = 67108864`, set max_allowed_packet = 64M in the configuration of the server, then restart letterlock',
    })
  }
  if (!isStrict(sqlMode)) {
    found.push({
      name: 'sql_mode',
      level: 'fault',
      message: `sql_mode of our sessions is ${JSON.stringify(sqlMode)}: what does not fit would be cut without a word`,
      hint: 'something between letterlock and the server changes what its sessions ask for (a proxy?): connect to the server itself',
    })
  } else if (!isStrict(globalSqlMode)) {
    found.push({
      name: 'sql_mode',
      level: 'note',
      message: `sql_mode of the server is ${JSON.stringify(globalSqlMode)}: passwords that your helpdesk writes may be cut without a word`,
      hint: 'set sql_mode = STRICT_TRANS_TABLES in the configuration of the server; the sessions of letterlock are strict all the same',
    })
  }
  if (!/^READ[- ]COMMITTED$/i.test(isolation)) {
    found.push({
      name: 'isolation',
      level: 'fault',
      message: `transactions of our sessions run at ${isolation || 'an unknown isolation'} in place of READ-COMMITTED`,
      hint: 'something between letterlock and the server changes what its sessions ask for (a proxy?): connect to the server itself',
    })
  }
  return found
}

function isStrict(mode: string): boolean {
  return /\b(STRICT_TRANS_TABLES|STRICT_ALL_TABLES|TRADITIONAL)\b/i.test(mode)
}
