// Waiting for what nobody tells us of. The patience is there to end a test that hangs, and says nothing about how quick anything has to be.
const defaultPatienceMs = 300_000

/** Asks until the answer is neither false nor undefined nor null; there is no event for what another process writes. */
export async function until<T>(
  ask: () => Promise<T | undefined | null | false>,
  patienceMs = defaultPatienceMs,
): Promise<T> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== null && answer !== false) return answer
    if (Date.now() > deadline) throw new Error(`nothing came of it within ${patienceMs} ms: ${ask}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
