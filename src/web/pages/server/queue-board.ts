// Bull Board without a server of its own: it says what it would answer, and only its questions (GET) are passed on. The queues are those of
// all live workers, as they come and go. Its page asks for fonts of another host: that is left out.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import type {
  AppControllerRoute,
  AppViewRoute,
  BullBoardQueues,
  ControllerHandlerReturnType,
  IServerAdapter,
  UIConfig,
} from '@bull-board/api/typings/app'
import type { Queue } from 'bullmq'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { openQueue, openSealingQueue } from '../../../schedule/queue.ts'
import { findLiveWorkers } from '../../../store/accounts/leases.ts'
import { NotFound } from '../../failures.ts'
import type { Site } from '../../site.ts'

const basePath = '/server/queue/'

interface Board {
  queues: BullBoardQueues
  viewsPath: string
  staticPath: string
  entry: AppViewRoute
  routes: { pattern: RegExp; route: AppControllerRoute }[]
  uiConfig: UIConfig
  failed(error: Error): ControllerHandlerReturnType
  /** Those of live workers, and no others. */
  renew(): Promise<void>
}

/** One for each connection to Redis, which closes them all. */
const boards = new WeakMap<object, Board>()

export async function answerBoard(site: Site, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const board = boards.get(site.redis) ?? createBoard(site)
  boards.set(site.redis, board)
  const { '*': asked = '' } = request.params as { '*'?: string }
  if (asked.startsWith('static/')) return sendFile(board, asked.slice('static/'.length), reply)
  reply.header('cache-control', 'no-store')
  if (asked.startsWith('api/')) return await answerQuestion(board, `/${asked}`, request, reply)
  return reply.type('text/html; charset=utf-8').send(entryPage(board))
}

function sendFile({ staticPath }: Board, name: string, reply: FastifyReply): FastifyReply {
  // Its other files bear no hash in their names.
  const lasts = /^(js|css)\//.test(name)
  return reply.sendFile(name, staticPath, { maxAge: lasts ? '365d' : '1h', immutable: lasts })
}

async function answerQuestion(board: Board, asked: string, request: FastifyRequest, reply: FastifyReply) {
  for (const { pattern, route } of board.routes) {
    const found = pattern.exec(asked)
    if (found === null) continue
    await board.renew()
    const params = Object.fromEntries(
      Object.entries(found.groups ?? {}).map(([name, text]) => [name, decodeURIComponent(text)]),
    )
    const query = request.query as Record<string, string>
    const question = { queues: board.queues, uiConfig: board.uiConfig, query, params, body: {}, headers: {} }
    const { status = 200, body } = await Promise.resolve(route.handler(question)).catch(board.failed)
    return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body))
  }
  throw new NotFound()
}

function entryPage({ viewsPath, entry, uiConfig }: Board): string {
  const { name, params } = entry.handler({ basePath, uiConfig })
  const template = readFileSync(path.join(viewsPath, name), 'utf8')
  const values = params as Record<string, unknown>
  return template
    .replace(/<(?:link|script)\b[^>]*\b(?:href|src)="(?:https?:)?\/\/[^>]*>(?:<\/script>)?/g, '')
    .replace(/<%([=-]) (\w+) %>/g, (_, kind, key) => {
      const text = String(values[key] ?? '')
      return kind === '-' ? text : text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`)
    })
}

function createBoard({ redis, db, config }: Site): Board {
  const { prefix } = config.redis
  const known = new Map<string, { queues: Queue[]; adapters: BullMQAdapter[] }>()
  const board: Partial<Board> = {}
  const { replaceQueues } = createBullBoard({
    queues: [],
    serverAdapter: adapterOf(board),
    options: {
      uiConfig: {
        boardTitle: 'Queue – Letterlock',
        hideDocsLink: true,
        miscLinks: [{ text: 'Back to Letterlock', url: '/' }],
      },
    },
  })
  board.renew = async () => {
    const live = new Set((await findLiveWorkers(db)).map(({ id }) => id))
    for (const id of live) if (!known.has(id)) known.set(id, openQueues(id))
    for (const [id, { queues }] of known) {
      if (live.has(id)) continue
      known.delete(id)
      for (const queue of queues) await queue.close()
    }
    replaceQueues([...known.values()].flatMap(({ adapters }) => adapters))
  }
  const openQueues = (id: string) => {
    const queues = [openQueue(redis, prefix, id), openSealingQueue(redis, prefix, id)] as Queue[]
    const adapters = queues.map(queue => new BullMQAdapter(queue, { readOnlyMode: true, allowRetries: false }))
    return { queues, adapters }
  }
  return board as Board
}

/** Notes what it is given. */
function adapterOf(board: Partial<Board>): IServerAdapter {
  const adapter: IServerAdapter = {
    setQueues: queues => note({ queues }),
    setViewsPath: viewsPath => note({ viewsPath }),
    setStaticPath: (_route, staticPath) => note({ staticPath }),
    setEntryRoute: entry => note({ entry }),
    setErrorHandler: failed => note({ failed }),
    setApiRoutes: routes => note({ routes: routes.flatMap(toQuestions) }),
    setUIConfig: uiConfig => note({ uiConfig }),
  }
  const note = (part: Partial<Board>): IServerAdapter => {
    Object.assign(board, part)
    return adapter
  }
  return adapter
}

/** What changes something is not passed on. */
function toQuestions(route: AppControllerRoute): Board['routes'] {
  if (![route.method].flat().includes('get')) return []
  return [route.route].flat().map(text => ({
    pattern: new RegExp(`^${text.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`),
    route,
  }))
}
