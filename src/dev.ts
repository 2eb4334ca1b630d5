// What `npm run dev` runs under `node --watch`: the program, whose threads do not report what they import. They would report it on the
// channel of their answers.
delete process.env.WATCH_REPORT_DEPENDENCIES
await import('./main.ts')

export {}
