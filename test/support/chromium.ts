// A headless Chromium that speaks to nobody by itself: one for all tests of a run, begun when the first of them asks for it. Each test has windows
// of its own in it.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, type BrowserServer, chromium } from 'playwright-core'
import { inject } from 'vitest'
import { findPrograms } from '../../src/embedded/programs.ts'

/** Opens the browser of the run; closing it closes the windows of whoever opened it. */
export async function openChromium(): Promise<Browser> {
  const answer = await fetch(inject('chromiumUrl'))
  if (!answer.ok) throw new Error(await answer.text())
  return await chromium.connect(await answer.text())
}

export interface ChromiumOfRun extends AsyncDisposable {
  /** Answers with the address to connect to. */
  url: string
}

/** Starts the browser at the first request; ends it when it is disposed. */
export async function startChromiumOfRun(): Promise<ChromiumOfRun> {
  let launched: Promise<BrowserServer> | undefined
  const server = createServer((_, response) => {
    launched ??= launch()
    launched.then(
      browser => response.end(browser.wsEndpoint()),
      error => response.writeHead(500).end(String(error)),
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await launched?.then(browser => browser.close()).catch(() => {})
    },
  }
}

async function launch(): Promise<BrowserServer> {
  return await chromium.launchServer({
    host: '127.0.0.1',
    executablePath: await findChromium(),
    args: [
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

/** Installed first where it is missing. The shell has no windows to draw: a page costs it less than half of what it costs the whole browser. */
async function findChromium(): Promise<string> {
  const progress = (line: string): void => void process.stderr.write(`${line}\n`)
  const options = { progress, signal: new AbortController().signal }
  try {
    return (await findPrograms(['chromium-headless-shell'], options))['chromium-headless-shell']
  } catch {
    return (await findPrograms(['chromium'], options)).chromium
  }
}
