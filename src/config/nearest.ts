// What somebody may have meant by a name that is not there.

/** `, did you mean …?` where a known name begins with it or is at most three edits away (Levenshtein). */
export function nearest(name: string, known: readonly string[]): string {
  const [best] = known
    .filter(other => other !== '')
    .map(other => ({ other, far: other.startsWith(`${name}_`) ? 1 : edits(name, other) }))
    .sort((a, b) => a.far - b.far)
  return best !== undefined && best.far <= 3 ? `, did you mean ${best.other}?` : ''
}

function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
