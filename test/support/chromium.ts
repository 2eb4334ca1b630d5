// A headless Chromium that speaks to nobody by itself; installed first where it is missing.
import { type Browser, chromium } from 'playwright-core'
import { findPrograms } from '../../src/embedded/programs.ts'

/** Opens the browser. */
export async function openChromium(): Promise<Browser> {
  const progress = (line: string): void => void process.stderr.write(`${line}\n`)
  const programs = await findPrograms(['chromium'], { progress, signal: new AbortController().signal })
  return await chromium.launch({
    executablePath: programs.chromium,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // A process for every sandboxed frame is what makes tests slow; what a sandbox forbids is the same.
      '--disable-site-isolation-trials',
      '--disable-features=IsolateSandboxedIframes,IsolateOrigins,SitePerProcess',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  })
}
