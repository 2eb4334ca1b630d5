import { expect, test } from 'vitest'
import { countOwnHops } from '../../src/parse/authentication/own-hops.ts'

const border = 'from a.example.org (a.example.org [203.0.113.5]) by mx.example.net (Postfix) with ESMTPS'

test.each<[string, string[], number]>([
  ['no Received', [], 0],
  ['one server', [border], 1],
  ['delivered by LMTP', ['from mx.example.net by imap.example.net with LMTP id 1', border, 'from x by y'], 2],
  ['a filter on the host itself', ['from localhost (localhost [127.0.0.1]) by mx.example.net', border], 2],
  ['two private addresses', ['from a ([10.0.0.4]) by b', 'from c (c [IPv6:fd00::1]) by a', border, border], 3],
  ['Google, within', ['by 2002:a05:6402:1234:b0:1 with SMTP id x', border], 2],
  [
    'a name that only looks like the site',
    [border, 'from mx.example.net (localhost [127.0.0.1]) by mx.example.net', border],
    1,
  ],
  [
    'a greeting that looks like a private address',
    ['from [127.0.0.1] (evil.example [203.0.113.9]) by mx.example.net', border],
    1,
  ],
  [
    'a greeting that speaks of LMTP',
    ['from x with LMTP (evil.example [203.0.113.9]) by mx.example.net with ESMTP', border],
    1,
  ],
  ['no address at all', ['from evil.example by mx.example.net with ESMTP', border], 1],
  ['a public IPv6 address', ['from a (2603:10a6::1) by b (2603:10a6::2) with HTTPS', border], 1],
])('%s', (_, received, hops) => {
  expect(countOwnHops(received)).toBe(hops)
})
