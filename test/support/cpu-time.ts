// How much work something is, in the time of the processor: wall time would count whatever else the machine does.

/** Milliseconds of this thread. */
export async function cpuMsOf(work: () => unknown): Promise<number> {
  const before = process.threadCpuUsage()
  await work()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1_000
}
