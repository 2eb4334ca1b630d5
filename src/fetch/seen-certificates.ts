// Until when the certificates of the mail servers are valid, as logins saw them. The newest login to a server counts, and a server that nobody
// logged in to for a week is forgotten: it has no accounts any more.

export interface SeenCertificates {
  /** A login saw it. True if it expires soon and that was not told of this certificate yet. */
  note(host: string, until: Date, now: Date): boolean
  /** When the first of them expires, or undefined. */
  earliest(now: Date): Date | undefined
}

const soonMs = 14 * 86_400_000
const keptMs = 7 * 86_400_000

export function createSeenCertificates(): SeenCertificates {
  const seen = new Map<string, { until: Date; at: number; isTold: boolean }>()
  return {
    note(host, until, now) {
      const isSoon = until.getTime() - now.getTime() < soonMs
      const before = seen.get(host)
      const wasTold = before?.isTold === true && before.until.getTime() === until.getTime()
      seen.set(host, { until, at: now.getTime(), isTold: isSoon })
      return isSoon && !wasTold
    },
    earliest(now) {
      for (const [host, { at }] of seen) if (now.getTime() - at > keptMs) seen.delete(host)
      const times = [...seen.values()].map(({ until }) => until.getTime())
      return times.length === 0 ? undefined : new Date(Math.min(...times))
    },
  }
}
