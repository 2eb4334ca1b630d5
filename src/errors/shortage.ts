// PURE. What this host lacks when a file or a connection cannot be opened, by the code of Node's error: nobody on the far side is at fault.

const shortages = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'] as const
export type Shortage = (typeof shortages)[number]

/** True for the code of an error that says that this host has no more of something. */
export function isShortage(code: string | undefined): code is Shortage {
  return shortages.includes(code as Shortage)
}

/** What to do about it; undefined for any other code. */
export function adviceForShortage(code: string | undefined): string | undefined {
  if (!isShortage(code)) return undefined
  if (code === 'EMFILE')
    return 'The process has as many files open as it may: raise LimitNOFILE in the unit, or lower poll.keep_connections.'
  if (code === 'ENFILE')
    return 'This host has as many files open as it may: raise fs.file-max, or find out what uses them up.'
  return 'This host is short of memory: end what uses it up, or add some.'
}
