// The URLs that name several servers, and what is none.
import { expect, test } from 'vitest'
import { parseDatabaseUrl } from '../../src/config/database-url.ts'
import { parseSentinelUrl } from '../../src/config/sentinel-url.ts'

test.each([
  ['mysql://u@db/x', { user: 'u', database: 'x', socketPath: null, hosts: [{ host: 'db', port: 3306 }] }],
  ['mysql://u%40h@db:3307/x', { user: 'u@h', hosts: [{ host: 'db', port: 3307 }] }],
  ['mysql://u@localhost/x?socket=/run/s', { database: 'x', socketPath: '/run/s' }],
  [
    'mysql://u@db1:3307,db2,[::1]:3308/x',
    {
      hosts: [
        { host: 'db1', port: 3307 },
        { host: 'db2', port: 3306 },
        { host: '::1', port: 3308 },
      ],
    },
  ],
  ['mysql://u:secret@db1,db2/x', { password: 'secret' }],
  ['mysql://u@db', { database: '' }],
])('%s', (text, expected) => expect(parseDatabaseUrl(text)).toMatchObject(expected))

test.each([
  '',
  'mysql:/u@db/x',
  'postgres://u@db/x',
  'mysql://u@db:99999/x',
  'mysql://u@db1:1,d b2/x',
  'mysql://u%@db/x',
])('%j is no database', text => expect(parseDatabaseUrl(text)).toBeUndefined())

test('Sentinels', () => {
  expect(parseSentinelUrl('redis-sentinel://a:26380,b/2#mymaster')).toEqual({
    sentinels: [
      { host: 'a', port: 26_380 },
      { host: 'b', port: 26_379 },
    ],
    ...{ name: 'mymaster', db: 2, username: '', tls: false },
  })
  expect(parseSentinelUrl('rediss-sentinel://queue@[::1]#m')).toMatchObject({
    sentinels: [{ host: '::1' }],
    ...{ username: 'queue', tls: true, db: 0 },
  })
  for (const text of ['redis-sentinel://a/0', 'redis-sentinel://#m', 'redis-sentinel://a:99999#m', 'redis://a/0'])
    expect(parseSentinelUrl(text)).toBeUndefined()
})
